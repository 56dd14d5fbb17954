"""What all launchers have in common: skip what is done, share what is not.

A launch looks at every run folder before it starts a job, so that repeating a command
finds what is done, goes on with what is not, and starts what is missing.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import time
from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from research.config import check_config
from research.errors import UserError
from research.files.atomic import make_folder
from research.jobs import status
from research.jobs.job import Job
from research.jobs.lock import holder
from research.jobs.objective import objective
from research.progress import say
from research.runs.identity import key_of
from research.runs.identity_keys import Kind, classify
from research.runs.outcome import find_stored, is_done, is_trained

REFUSED = "refused"  # the decision about a job with a mistake in its config
POLL = 1.0  # seconds between two looks at jobs that others run


@dataclasses.dataclass(frozen=True)
class Plan:
    """A job of this launch.

    Attributes:
      number: in the sweep.
      overrides: that make it.
      cfg: its config.
      folder: its run folder.
      mistake: in its config, so that it is not to run; None for none.
    """

    number: int
    overrides: tuple[str, ...]
    cfg: DictConfig
    folder: Path
    mistake: UserError | None = None

    @property
    def done(self) -> bool:
        """Whether its result is there, in its folder or in the store."""
        return is_done(self.folder, self.cfg) or find_stored(self.cfg) is not None

    @property
    def decision(self) -> str:
        """What this launch does with it, and why."""
        if self.mistake is not None:
            return REFUSED
        retry = self.cfg.get("retry", "all")
        known = status.observe(self.folder)
        if self.done:
            return "done already"
        if known is not None and known.state == status.FAILED:
            return "failed: left alone" if retry == "none" else "failed: run again"
        if retry == "failed":
            return "not failed: left alone"
        if holder(self.folder) is not None:
            return "run by others"
        if is_trained(self.folder, self.cfg):
            return "measured"
        return "resumed" if (self.folder / "checkpoints").exists() else "started"


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
        """
        setup_globals()
        jobs = [self.plan(*job) for job in enumerate(job_overrides, initial_job_idx)]
        decisions = {job.folder: (job.decision, job) for job in jobs}
        counts = Counter(decision for decision, _ in decisions.values())
        parts = ", ".join(f"{n} {decision}" for decision, n in sorted(counts.items()))
        say(f"{self.sweep}: {len(jobs)} jobs: {parts}")
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


def record_end(folder: Path, how: str) -> None:
    """Writes down the end of a job that could not do so itself."""
    known = status.read(folder)
    if known is None or known.ended or holder(folder) is not None:
        return
    if how:
        failed = dataclasses.replace(known, state=status.FAILED, error=how)
        status.write(folder, failed)
    elif known.state == status.QUEUED:  # a script that keeps no status
        (folder / "status.json").unlink()


def describe_exit(job: Plan, code: int) -> str:
    """Returns how a process ended, or "" where it ended well."""
    killed = code < 0
    text = f"killed by {signal.Signals(-code).name}" if killed else f"status {code}"
    return f"{text}; see {job.folder}/log.txt" if code else ""


def describe_end(job: Plan, end: str) -> str:
    """Returns how a job stands after its process ended."""
    other = holder(job.folder)
    if other is not None:
        return f"left to {other}"
    record_end(job.folder, end)
    known = status.read(job.folder)
    if known is None:
        return end or "ended"
    return f"{known.state}: {known.error}" if known.error else known.state


def await_others(jobs: Sequence[Plan]) -> list[Plan]:
    """Waits for jobs that others run; returns those that were killed or stopped."""
    for job in jobs:
        other = holder(job.folder)
        if other is not None:
            say(f"{job.folder}: run by {other}: waiting for it")
        while holder(job.folder) is not None:
            time.sleep(POLL)
    ends = {status.DONE, status.FAILED}
    known = [(job, status.read(job.folder) or status.Status()) for job in jobs]
    return [job for job, found in known if not job.done and found.state not in ends]


def find_mistake(cfg: DictConfig) -> UserError | None:
    """Returns what is wrong with the config of a job, if anything is."""
    try:
        check_config(cfg, cfg.hydra.job.config_name)
    except UserError as mistake:
        return mistake
    return None


def describe_refused(refused: Sequence[Plan], jobs: int) -> str:
    """Returns what to tell of the jobs with a mistake in their configs."""
    found = list(dict.fromkeys(str(job.mistake) for job in refused))
    return f"{len(refused)} of {jobs} jobs refused: {'; '.join(found)}"


def describe_lost(lost: Sequence[Plan], ran: Sequence[Plan], sweep: Path) -> str:
    """Returns what to tell of the jobs that left no result."""
    found = [(job, status.observe(job.folder) or status.Status()) for job in lost]
    counts = Counter(known.state for _, known in found)
    parts = ", ".join(f"{n} {state}" for state, n in counts.items())
    job, known = found[0]
    return (
        f"{len(lost)} of {len(ran)} jobs left no result ({parts}), such as "
        f"{job.folder.name}: {known.error}; `python scripts/status.py {sweep}` shows "
        "all, and the same command runs them again, with retry=failed only those that "
        "failed"
    )
