"""One job after the other in this process: what is compiled once serves all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra_plugins.launchers._planned import Planned, PlannedLauncher


class Serial(PlannedLauncher):
    """Hydra's own launcher for the jobs that are left."""

    def execute(self, jobs: Sequence[Planned]) -> Mapping[Path, str]:
        """Runs jobs; what is a bug is raised when all have run."""
        launcher = BasicLauncher()
        launcher.setup(
            hydra_context=self.context, task_function=self.task, config=self.config
        )
        made = launcher.launch([job.overrides for job in jobs], jobs[0].number)
        for one in made:
            _ = one.return_value
        return {}
