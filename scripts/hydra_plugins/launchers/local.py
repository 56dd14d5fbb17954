"""Several jobs at a time, each a process of its own on this machine."""

from __future__ import annotations

import os
import subprocess
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from hydra_plugins.launchers._sweep import (
    Plan,
    SweepLauncher,
    describe_end,
    describe_exit,
)

from research.errors import UserError
from research.jobs.lock import holder
from research.progress import say

LOOK = 0.05  # seconds between two looks at the processes


class Local(SweepLauncher):
    """Runs at most `jobs` at a time; the death of a process costs its own job only.

    Args:
      jobs: processes at a time; None for one per core.
      environment: variables of a job's environment; `{slot}` in a value is which of the
        places 0 … jobs − 1 it has, as in `{CUDA_VISIBLE_DEVICES: "{slot}"}`.

    Raises:
      UserError: there would be no process.
    """

    def __init__(
        self, jobs: int | None = None, environment: Mapping[str, str] | None = None
    ):
        self.cores = len(os.sched_getaffinity(0))
        self.jobs = self.cores if jobs is None else jobs
        self.environment = dict(environment or {})
        if self.jobs < 1:
            raise UserError(
                f"hydra.launcher.jobs={jobs}: takes an integer of at least 1"
            )

    def execute(self, jobs: Sequence[Plan]) -> Mapping[Path, str]:
        """Runs jobs; stops them, saved, when this process is told to stop."""
        waiting, free = deque(jobs), deque(range(self.jobs))
        running: dict[int, tuple[Plan, subprocess.Popen[bytes]]] = {}
        ends: dict[Path, str] = {}
        try:
            while waiting or running:
                while waiting and free:
                    job = waiting.popleft()
                    if not job.done and holder(job.folder) is None:
                        slot = free.popleft()
                        running[slot] = job, self.start(job, slot)
                time.sleep(LOOK)
                for slot, (job, process) in list(running.items()):
                    if process.poll() is None:
                        continue
                    del running[slot]
                    free.append(slot)
                    ends[job.folder] = describe_exit(job, process.returncode)
                    left = len(waiting) + len(running)
                    end = describe_end(job, ends[job.folder])
                    say(f"{job.folder}: {end}; {left} to go")
        finally:
            for _, process in running.values():
                process.terminate()
            for _, process in running.values():
                process.wait()
        return ends

    def start(self, job: Plan, slot: int) -> subprocess.Popen[bytes]:
        """Starts a job with its share of the cores."""
        given = {
            name: str(value).replace("{slot}", str(slot))
            for name, value in self.environment.items()
        }
        command = self.command(job, cpus=max(1, self.cores // self.jobs))
        return command.start(**given)
