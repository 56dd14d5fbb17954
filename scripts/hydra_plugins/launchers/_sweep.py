"""What all launchers have in common: skip what is done, share what is not.

A launch looks at every run folder before it starts a job, so that repeating a command
finds what is done, goes on with what is not, and starts what is missing.
"""

from __future__ import annotations

import os
import sys
from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from hydra_plugins.launchers._plan import (
    REFUSED,
    Plan,
    await_others,
    describe_lost,
    describe_refused,
    find_mistake,
    record_end,
    require_own_folders,
)
from omegaconf import DictConfig, OmegaConf

from research.config.assembling import read_files_once
from research.errors import UserError
from research.files.atomic import make_folder
from research.jobs import status
from research.jobs.job import Job
from research.jobs.lock import holder
from research.jobs.naming import name_all
from research.jobs.objective import objective
from research.progress import say
from research.runs.identity import key_of
from research.runs.identity_keys import Kind, classify


class Failure(JobReturn):
    """A job without a result, of which Hydra prints nothing by itself."""

    @property
    def return_value(self) -> Any:
        """Raises what went wrong."""
        raise self._return_value

    @return_value.setter
    def return_value(self, value: Any) -> None:
        self._return_value = value


class SweepLauncher(Launcher):
    """Launches the unfinished jobs of a sweep and waits until all have ended."""

    def setup(
        self,
        *,
        hydra_context: HydraContext,
        task_function: TaskFunction,
        config: DictConfig,
    ) -> None:
        """Takes what Hydra gives to a launcher, and makes the folder of the sweep.

        Hydra would make it, too, and an error there would be a traceback of Hydra's.

        Raises:
          UserError: it cannot be made, or `prepare` finds something wrong.
        """
        self.context, self.task, self.config = hydra_context, task_function, config
        read_files_once(hydra_context.config_loader)
        self.prepare()
        with make_folder(Path(str(config.hydra.sweep.dir)), "root=…") as folder:
            self.sweep = folder

    def prepare(self) -> None:
        """Finds what the jobs will run on; UserError where that is not there."""

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Runs the jobs that are not done, but those with a mistake in their configs.

        A job that another launch runs is waited for, and run here if its process dies.

        Raises:
          UserError: two jobs that are not the same would have one folder.
        """
        setup_globals()
        jobs = [self.plan(*job) for job in enumerate(job_overrides, initial_job_idx)]
        require_own_folders(jobs)
        decisions = {job.folder: (job.decision, job) for job in jobs}
        counts = Counter(decision for decision, _ in decisions.values())
        parts = ", ".join(f"{n} {decision}" for decision, n in sorted(counts.items()))
        say(f"{self.sweep}: {len(jobs)} jobs: {parts}")
        if common := name_all(list(decisions)):
            say(f"all: {common}")
        todo = [
            job
            for decision, job in decisions.values()
            if decision not in ("done already", REFUSED)
            and not decision.endswith("left alone")
        ]
        if todo:
            self.sweep.mkdir(parents=True, exist_ok=True)
        ran = list(todo)
        for job in todo:
            status.queue(job.folder)
        while todo:
            free = [job for job in todo if self.may_run(job)]
            ends = self.execute(free) if free else {}
            for job in free:
                record_end(job.folder, ends.get(job.folder, ""))
            ours = {job.folder for job in free if holder(job.folder) is None}
            todo = await_others([job for job in todo if job.folder not in ours])
        return self.results(jobs, ran)

    def plan(self, number: int, overrides: Sequence[str]) -> Plan:
        """Returns a job with its folder, as it will find it itself."""
        cfg = self.context.config_loader.load_sweep_config(self.config, list(overrides))
        before = HydraConfig.instance().cfg
        try:
            HydraConfig.instance().set_config(cfg)
            place = Path(str(cfg.hydra.sweep.dir)) / str(cfg.hydra.sweep.subdir)
        finally:
            HydraConfig.instance().cfg = before
        mistake = find_mistake(cfg)
        OmegaConf.set_struct(cfg, False)
        del cfg["hydra"]
        return Plan(number, tuple(overrides), cfg, place.absolute(), mistake)

    def may_run(self, job: Plan) -> bool:
        """Whether a job is this launch's to run: nobody else does."""
        return holder(job.folder) is None

    @abstractmethod
    def execute(self, jobs: Sequence[Plan]) -> Mapping[Path, str]:
        """Runs jobs to their ends.

        Returns:
          Run folder → how its job ended, for jobs that failed without recording it.
        """

    def command(self, job: Plan, cpus: int = 0, memory: float = 0.0) -> Job:
        """Returns the command of a job, without the options of the sweep itself.

        Args:
          job: that it runs.
          cpus: of `Job`, as the next.
          memory: the fraction of its accelerators' memory.
        """
        given = self.config.hydra.overrides.hydra
        kept = [line for line in given if classify(key_of(line)) is not Kind.REQUEST]
        folder = str(job.folder).replace("'", "\\'")
        own = ["hydra.mode=RUN", f"hydra.run.dir='{folder}'"]
        return Job(
            folder=job.folder,
            script=os.path.abspath(sys.argv[0]),
            arguments=(*self.config_dirs(), *job.overrides, *kept, *own),
            cpus=cpus,
            memory=memory,
        )

    def config_dirs(self) -> list[str]:
        """Returns the options by which the command line chose other config files."""
        sources = self.config.hydra.runtime.config_sources
        return [
            word
            for source in sources
            if source.provider == "command-line"
            for word in ("--config-dir", source.path)
        ]

    def results(self, jobs: Sequence[Plan], ran: Sequence[Plan]) -> list[JobReturn]:
        """Returns what became of each job; what ran and has no result is a failure."""
        lost = [job for job in ran if not job.done and status.read(job.folder)]
        refused = [job for job in jobs if job.mistake is not None]
        parts = [describe_refused(refused, len(jobs))] if refused else []
        parts += [describe_lost(lost, ran, self.sweep)] if lost else []
        error = UserError("; ".join(parts))
        returns = []
        for job in jobs:
            if job.done:
                made = JobReturn(status=JobStatus.COMPLETED)
                made.return_value = objective(job.folder, job.cfg.get("objective"))
            elif job in lost or job in refused:
                made = Failure(status=JobStatus.FAILED)
                made.return_value = error
            else:
                made = JobReturn(status=JobStatus.COMPLETED)
            made.overrides, made.cfg = job.overrides, job.cfg
            returns.append(made)
        return returns
