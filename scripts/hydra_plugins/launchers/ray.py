"""A Ray task for each job: on this machine, or on the cluster that `address` names."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra_plugins.launchers._plan import Plan, describe_end, describe_exit
from hydra_plugins.launchers._sweep import SweepLauncher

from research.annotations import accepts
from research.errors import UserError
from research.jobs.job import Job
from research.jobs.naming import Pace, name_briefly
from research.jobs.shares import MEMORY
from research.progress import say


class Ray(SweepLauncher):
    """Gives what is left to Ray, which starts a job again whose process is killed.

    Args:
      address: of a running cluster, such as `auto`; None for a Ray of its own here.
      init: of `ray.init` for a Ray of its own.
      remote: of `ray.remote`: `num_cpus`, `num_gpus`, `max_retries`, …. Ray shows each
        job its own GPUs; a fraction of one is that of its memory, too.

    Raises:
      UserError: Ray is not there, or `num_gpus` is no number of GPUs.
    """

    def __init__(
        self, address: str | None, init: Mapping[str, Any], remote: Mapping[str, Any]
    ):
        if importlib.util.find_spec("ray") is None:
            raise UserError("hydra/launcher=ray needs Ray: make install EXTRAS=ray")
        gpus = remote.get("num_gpus") or 0
        if not accepts(float, gpus) or gpus < 0 or (gpus > 1 and gpus % 1):
            raise UserError(
                f"hydra.launcher.remote.num_gpus={gpus}: takes an integer of at least "
                "0, or a fraction of one for jobs that share it"
            )
        self.memory = MEMORY * min(1.0, gpus)
        self.init = init if address is None else {"address": address}
        self.remote = remote

    def execute(self, jobs: Sequence[Plan]) -> Mapping[Path, str]:
        """Runs jobs; a job that Ray gives up costs no other."""
        import ray
        from ray.exceptions import RayError

        if not ray.is_initialized():
            try:
                ray.init(logging_level="warning", log_to_driver=False, **self.init)
            except (ConnectionError, ValueError) as error:
                raise UserError(
                    f"hydra.launcher.address={self.init.get('address')}: {error}; give "
                    "the address of a Ray that runs, or null for one of its own"
                ) from None
        # A process for each job, so that each sets up JAX for itself.
        run = ray.remote(max_calls=1, **self.remote)(exit_status)
        cpus = int(self.remote.get("num_cpus", 1))
        waiting = {
            run.remote(self.command(job, cpus, self.memory)): job for job in jobs
        }
        ends: dict[Path, str] = {}
        pace = Pace(len(jobs))
        while waiting:
            (first, *_), _ = ray.wait(list(waiting), num_returns=1)
            job = waiting.pop(first)
            try:
                ends[job.folder] = describe_exit(job, ray.get(first))
            except RayError as error:
                ends[job.folder] = " ".join(str(error).split())
            end = describe_end(job, ends[job.folder])
            briefly = f"{name_briefly(job.folder)}: {end}"
            say("; ".join(filter(None, [briefly, pace.step()])))
        return ends


def exit_status(command: Job) -> int:
    """Runs a job's command in this process of Ray; returns its exit status."""
    log = command.log()
    for output in (1, 2):
        os.dup2(log.fileno(), output)
    try:
        command()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    return 0
