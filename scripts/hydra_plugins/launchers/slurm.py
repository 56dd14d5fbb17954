"""Slurm arrays with one task for each job, through submitit.

A job whose time is nearly up, or whose place is wanted, gets SIGUSR2: it saves, says
`preempted`, is requeued and goes on. This launcher only watches: if it ends, the jobs
stay in the queue, and the same command finds them there.
"""

from __future__ import annotations

import getpass
import importlib.util
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra_plugins.launchers._plan import Plan
from hydra_plugins.launchers._sweep import SweepLauncher

from research.annotations import accepts
from research.errors import UserError
from research.files.atomic import read_json, write_json
from research.jobs import status
from research.jobs.lock import release_dead
from research.progress import say
from research.ranges import Count, Natural, NonNegative, Positive

ARRAY = 1000  # tasks of an array: as many as Slurm takes where nothing else is set
NOTE = "slurm.json"  # in a run folder: the id of the Slurm job that it was submitted as


class Slurm(SweepLauncher):
    """Submits what is left and watches it.

    Args:
      partition: None for the cluster's default.
      time_minutes: limit of one attempt.
      requeues: how often a job may run into that limit, and go on.
      notice_seconds: how long before the limit SIGUSR2 comes.
      cpus: of a job; without an accelerator, its virtual devices.
      gpus_per_job: which Slurm shows to that job alone; 0 for none.
      accelerators: the older name of `gpus_per_job`.
      memory_gb: of a job; None for the cluster's default.
      parallel: jobs at a time.
      setup: lines of shell before each job, such as `module load …`.
      sbatch: further options of sbatch, such as `{account: mine}`.
      poll_seconds: between two looks at the queue.

    Raises:
      UserError: submitit or Slurm is not there, or the GPUs of a job have no number.
    """

    def __init__(
        self,
        *,
        partition: str | None = None,
        time_minutes: Count = 60,
        requeues: Natural = 100,
        notice_seconds: Natural = 120,
        cpus: Count = 1,
        gpus_per_job: Natural = 0,
        accelerators: Natural = 0,
        memory_gb: Positive | None = None,
        parallel: Count = 256,
        setup: Sequence[str] = (),
        sbatch: Mapping[str, Any] | None = None,
        poll_seconds: NonNegative = 5.0,
    ):
        if importlib.util.find_spec("submitit") is None:
            raise UserError(
                "hydra/launcher=slurm needs submitit: make install EXTRAS=slurm"
            )
        if shutil.which("sbatch") is None:
            raise UserError(
                "hydra/launcher=slurm: there is no sbatch here; start it on a machine "
                "of the cluster, or take hydra/launcher=local"
            )
        if gpus_per_job and accelerators and gpus_per_job != accelerators:
            raise UserError(
                f"hydra.launcher.accelerators={accelerators}: the older name of "
                f"hydra.launcher.gpus_per_job={gpus_per_job}; takes the same, or 0"
            )
        for key, value in (
            ("gpus_per_job", gpus_per_job),
            ("accelerators", accelerators),
        ):
            if not accepts(int, value) or value < 0:
                raise UserError(
                    f"hydra.launcher.{key}={value}: takes an integer of at least 0"
                )
        gpus = gpus_per_job or accelerators
        self.cpus, self.requeues, self.poll = cpus, requeues, poll_seconds
        self.parallel = parallel
        wanted = {
            "timeout_min": time_minutes,
            "cpus_per_task": cpus,
            "gpus_per_node": gpus or None,  # a job is one task on one node
            "mem_gb": memory_gb,
            "slurm_partition": partition,
            "slurm_signal_delay_s": notice_seconds,
            "slurm_setup": list(setup) or None,
            "slurm_additional_parameters": sbatch,
        }
        self.parameters = {k: v for k, v in wanted.items() if v is not None}

    def may_run(self, job: Plan) -> bool:
        """Also those that run already, submitted by a launch that has ended since."""
        return super().may_run(job) or read_submitted(job.folder) in self.ask_queue()

    def ask_queue(self) -> set[str]:
        """Returns the ids of this user's jobs, as soon as Slurm answers.

        A controller that is silent for a while has not lost them: they would be
        submitted a second time.
        """
        while (queue := list_queued()) is None:
            say("squeue: no answer from Slurm; asked again")
            time.sleep(self.poll)
        return queue

    def execute(self, jobs: Sequence[Plan]) -> Mapping[Path, str]:
        """Submits jobs that are not in the queue yet; waits until none is there."""
        before = self.ask_queue()
        new = [job for job in jobs if read_submitted(job.folder) not in before]
        if new:
            self.submit(new)
        ids = {job.folder: read_submitted(job.folder) for job in jobs}
        say(f"{self.sweep}: {len(new)} jobs submitted, {len(jobs) - len(new)} queued")
        while self.ask_queue() & set(ids.values()):
            time.sleep(self.poll)
        ends = {}
        for job in jobs:
            known = status.read(job.folder)
            if not job.done and known is not None and not known.ended:
                release_dead(job.folder, ids[job.folder])
                log = self.sweep / ".submitit"
                ends[job.folder] = f"Slurm job {ids[job.folder]} is gone; see {log}"
        return ends

    def submit(self, jobs: Sequence[Plan]) -> None:
        """Submits arrays of equal size, and notes in each folder which task it is.

        Raises:
          UserError: Slurm refuses them; as it says.
        """
        import submitit
        from submitit.core.utils import FailedJobError

        count = -(-len(jobs) // ARRAY)
        executor = submitit.AutoExecutor(
            folder=self.sweep / ".submitit" / "%j",
            cluster="slurm",
            slurm_max_num_timeout=self.requeues,
        )
        share = {"slurm_array_parallelism": max(1, self.parallel // count)}
        executor.update_parameters(name=self.sweep.name, **self.parameters | share)
        for part in (jobs[start::count] for start in range(count)):
            try:
                with executor.batch():
                    made = [
                        executor.submit(self.command(one, self.cpus)) for one in part
                    ]
            except FailedJobError as refused:
                reason = " ".join(str(refused).split())
                raise UserError(
                    f"hydra/launcher=slurm: sbatch refuses the jobs ({reason}); change "
                    "hydra.launcher.partition, time_minutes, cpus, gpus_per_job, "
                    "memory_gb or sbatch"
                ) from None
            for job, task in zip(part, made, strict=True):
                write_json(job.folder / NOTE, {"job": task.job_id})


def list_queued() -> set[str] | None:
    """Returns the ids of this user's jobs, or None where the controller is silent."""
    line = ["squeue", "--noheader", "--array", "--format=%i", "-u", getpass.getuser()]
    found = subprocess.run(line, capture_output=True, text=True, check=False)
    return None if found.returncode else set(found.stdout.split())


def read_submitted(folder: Path) -> str:
    """Returns the Slurm job as which a run was submitted last, or ""."""
    path = folder / NOTE
    return str(read_json(path).get("job", "")) if path.is_file() else ""
