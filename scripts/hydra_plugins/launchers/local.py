"""Several jobs at a time, each a process of its own on this machine."""

from __future__ import annotations

import subprocess
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from hydra_plugins.launchers._plan import Plan, describe_end, describe_exit
from hydra_plugins.launchers._sweep import SweepLauncher

from research.cores import count_cores
from research.errors import UserError
from research.jobs.lock import holder
from research.jobs.naming import Pace, name_briefly
from research.jobs.shares import Request, Share
from research.progress import say
from research.ranges import Count, Natural

LOOK = 0.05  # seconds between two looks at the processes


class Local(SweepLauncher):
    """Runs jobs side by side; the death of a process costs its own job only.

    Where there are accelerators that JAX would use, each job has its share of them, and
    the next job has the share of one that has ended.

    Args:
      jobs: at most at a time; None for as many as there are shares, or one per core
        where no accelerators are shared out.
      gpus: of `Request`, as the next two.
      per_gpu: jobs on each GPU at a time.
      gpus_per_job: GPUs of each job.
      environment: variables of a job's environment; `{slot}` in a value is which of the
        places 0 … jobs − 1 it has. If a variable that gives out devices is among them,
        such as `{CUDA_VISIBLE_DEVICES: "{slot}"}`, nothing else does.
    """

    def __init__(
        self,
        jobs: Count | None = None,
        gpus: Natural | Literal["auto"] | Sequence[Natural | str] = "auto",
        per_gpu: Count = 1,
        gpus_per_job: Count | Literal["all"] = 1,
        environment: Mapping[str, Any] | None = None,
    ):
        self.jobs, self.environment = jobs, environment or {}
        self.request = partial(Request, gpus, per_gpu, gpus_per_job)
        self.cores = count_cores()

    def prepare(self) -> None:
        """Looks for accelerators.

        Raises:
          UserError: there would be no process, or what is asked for is not there.
        """
        self.slots = self.places()

    def places(self) -> list[Share]:
        """Returns what each of the jobs at a time has; errors as `prepare`."""
        if self.jobs is not None and self.jobs < 1:
            raise UserError(
                f"hydra.launcher.jobs={self.jobs}: takes an integer of at least 1"
            )
        request = self.request()
        own = {name: str(value) for name, value in self.environment.items()}
        shares = request.shares(own)
        if not shares:
            cpu = Share(environment={} if request.gpus else {"JAX_PLATFORMS": "cpu"})
            return [cpu] * (self.jobs or self.cores)
        return shares[: self.jobs]

    def execute(self, jobs: Sequence[Plan]) -> Mapping[Path, str]:
        """Runs jobs; stops them, saved, when this process is told to stop."""
        waiting, free = deque(jobs), list(range(len(self.slots)))
        running: dict[int, tuple[Plan, subprocess.Popen[bytes]]] = {}
        ends: dict[Path, str] = {}
        pace = Pace(len(jobs))
        if devices := "; ".join(dict.fromkeys(share.name for share in self.slots)):
            say(f"{self.sweep}: {len(self.slots)} at a time, on {devices}")
        try:
            while waiting or running:
                while waiting and free:
                    job = waiting.popleft()
                    if not job.done and holder(job.folder) is None:
                        slot = min(free, key=lambda one: self.load(one, running))
                        free.remove(slot)
                        running[slot] = job, self.start(job, slot)
                time.sleep(LOOK)
                for slot, (job, process) in list(running.items()):
                    if process.poll() is None:
                        continue
                    del running[slot]
                    free.append(slot)
                    ends[job.folder] = describe_exit(job, process.returncode)
                    end = describe_end(job, ends[job.folder])
                    briefly = f"{name_briefly(job.folder)}: {end}"
                    say("; ".join(filter(None, [briefly, pace.step()])))
        finally:
            for _, process in running.values():
                process.terminate()
            for _, process in running.values():
                process.wait()
        return ends

    def load(self, slot: int, running: Iterable[int]) -> int:
        """Returns how many slots in use share a slot's devices."""
        return sum(self.slots[one].name == self.slots[slot].name for one in running)

    def start(self, job: Plan, slot: int) -> subprocess.Popen[bytes]:
        """Starts a job with its share of the cores and of the accelerators."""
        share = self.slots[slot]
        given = {
            name: str(value).replace("{slot}", str(slot))
            for name, value in self.environment.items()
        }
        cpus = max(1, self.cores // len(self.slots))
        command = self.command(job, cpus=cpus, memory=share.memory)
        return command.start(**{**share.environment, **given})
