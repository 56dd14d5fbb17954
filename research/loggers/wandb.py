"""Weights & Biases: on its server, or offline into the run folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from research.loggers.logger import Values
from research.loggers.memory import Memory, refuse_empty, split_pictures


class Wandb:
    """Logs to a project of Weights & Biases.

    Its files are in `wandb/` of the run folder; those that were written offline go to
    the server by `wandb sync FOLDER/wandb/offline-run-*`. The run there is named after
    the run folder, and goes on under the same id, which `wandb.json` keeps.

    Args:
      folder: the run folder.
      step: after which the training goes on.
      config: of the run.
      project: that the run is in.
      mode: `offline` or `online`.

    Raises:
      UserError: the project has no name.
    """

    package: ClassVar[str] = "wandb"
    extra: ClassVar[str] = "wandb"

    def __init__(
        self,
        folder: Path,
        step: int,
        config: Mapping[str, Any],
        *,
        project: str = "research",
        mode: Literal["offline", "online"] = "offline",
    ):
        refuse_empty("logger.project", project)
        import wandb

        del step  # the memory knows it of each value
        self._memory = Memory(folder, "wandb")
        self._picture = wandb.Image
        self._run = wandb.init(
            project=project,
            id=self._memory.name(),
            name=folder.name[:128],
            group=folder.parent.name[:128],
            config=dict(config),
            dir=str(folder),
            mode=mode,
            resume="allow",
            settings=wandb.Settings(silent=True),
        )

    def log(self, step: int, values: Values) -> None:
        """Adds values; see `Logger.log`."""
        values = self._memory.choose_new(step, values)
        numbers, pictures = split_pictures(values)
        if values:
            shown = {name: self._picture(each) for name, each in pictures.items()}
            self._run.log(numbers | shown, step=step)
        self._memory.note(step, values)

    def close(self) -> None:
        """Writes out what is left."""
        self._run.finish()
