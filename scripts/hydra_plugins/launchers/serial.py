"""One job after the other in this process: what is compiled once serves all."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.utils import JobReturn
from hydra_plugins.launchers._plan import Plan
from hydra_plugins.launchers._sweep import SweepLauncher
from omegaconf import DictConfig

from research.jobs.naming import Pace
from research.progress import say
from research.runs.identity import arm

ARMS = 64  # whose compiled programs are kept: seeds come outermost, so each recurs


class Serial(SweepLauncher):
    """Hydra's own launcher for the jobs that are left."""

    def execute(self, jobs: Sequence[Plan]) -> Mapping[Path, str]:
        """Runs jobs; what is a bug is raised when all have run."""
        launcher = BasicLauncher()
        pace = Pace(len(jobs))

        def task(cfg: DictConfig) -> Any:
            try:
                return self.task(cfg)
            finally:
                if line := pace.step():
                    say(f"{self.sweep}: {line}")

        launcher.setup(
            hydra_context=self.context, task_function=task, config=self.config
        )
        made: list[JobReturn] = []
        for part in by_arms(jobs):
            overrides = [job.overrides for job in part]
            made += launcher.launch(overrides, part[0].number)
            if "jax" in sys.modules:
                import jax

                jax.clear_caches()  # the next arms need other programs
        for one in made:
            _ = one.return_value
        return {}


def by_arms(jobs: Sequence[Plan]) -> Iterator[list[Plan]]:
    """Yields jobs in order, in parts of at most `ARMS` arms."""
    part: list[Plan] = []
    arms: set[str] = set()
    for job in jobs:
        arms.add(arm(job.cfg))
        if len(arms) > ARMS:
            yield part
            part, arms = [], {arm(job.cfg)}
        part.append(job)
    if part:
        yield part
