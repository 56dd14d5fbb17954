"""Trackio: a tracker whose dashboard and data base are local."""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, ClassVar

from research.loggers.logger import Values
from research.loggers.memory import Memory, refuse_empty, split_pictures

NAMED = 80  # characters of a run's name that the folder of its pictures has room for


class Trackio:
    """Logs to a project of Trackio.

    Its data base lies where Trackio keeps all of them, or in `TRACKIO_DIR`, if that is
    set. The run there is named after the run folder, and goes on under the same name,
    which `trackio.json` keeps.

    Args:
      folder: the run folder.
      step: after which the training goes on.
      config: of the run.
      project: that the run is in.

    Raises:
      UserError: the project has no name.
    """

    package: ClassVar[str] = "trackio"
    extra: ClassVar[str] = "trackio"

    def __init__(
        self,
        folder: Path,
        step: int,
        config: Mapping[str, Any],
        *,
        project: str = "research",
    ):
        refuse_empty("logger.project", project)
        import trackio

        del step  # the memory knows it of each value
        self._memory = Memory(folder, "trackio")
        self._picture, self._finish = trackio.Image, trackio.finish
        if self._memory.run is None:
            unique = self._memory.name()
            self._memory.name(f"{folder.name[:NAMED]} {unique[:6]}")
        with redirect_stdout(io.StringIO()):  # a paragraph on the dashboard
            self._run = trackio.init(
                project=project,
                name=self._memory.name(),
                group=folder.absolute().parent.name,
                config={name: str(value) for name, value in config.items()},
                resume="allow",
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
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
        with redirect_stdout(io.StringIO()):
            self._finish()
