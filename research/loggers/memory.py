"""What a run folder remembers of a tracker: its run there, and how far that is.

A training that was killed goes on from its last checkpoint, and computes some steps
again. A tracker that cannot take values back is told of each step once.
"""

from __future__ import annotations

import uuid
from pathlib import Path

import numpy as np

from research.errors import UserError
from research.files.atomic import damaged, read_json, write_json
from research.loggers.logger import Value, Values

REMEDY = "remove it: the tracker then gets a new run, and no result depends on it"


class Memory:
    """The run of one tracker, in `<tracker>.json` in the run folder.

    Args:
      folder: the run folder.
      tracker: its name.

    Attributes:
      run: what the tracker calls the run; None before it has one.

    Raises:
      UserError: the file is damaged.
    """

    def __init__(self, folder: Path, tracker: str):
        self.path = folder / f"{tracker}.json"
        self.run: str | None = None
        self._steps: dict[str, int] = {}
        try:
            known = read_json(self.path, remedy=REMEDY)
        except FileNotFoundError:
            return
        run, steps = known.get("run"), known.get("steps")
        if not isinstance(run, str) or not isinstance(steps, dict):
            raise damaged(self.path, "it names no run and its steps", REMEDY)
        if not all(isinstance(step, int) for step in steps.values()):
            raise damaged(self.path, "a step is no whole number", REMEDY)
        self.run, self._steps = run, steps

    def name(self, run: str | None = None) -> str:
        """Returns the name of the run, after it was kept.

        Args:
          run: as the tracker has named it; None: a name is made up.
        """
        self.run = run or self.run or uuid.uuid4().hex[:12]
        self._write()
        return self.run

    def choose_new(self, step: int, values: Values) -> dict[str, Value]:
        """Returns the values whose names have not come this far yet.

        Args:
          step: of the values.
          values: by name.
        """
        return {k: v for k, v in values.items() if self._steps.get(k, -1) < step}

    def note(self, step: int, values: Values) -> None:
        """Notes that values of a step were kept."""
        if values:
            self._steps |= dict.fromkeys(values, step)
            self._write()

    def _write(self) -> None:
        write_json(self.path, {"run": self.run, "steps": self._steps})


def split_pictures(
    values: Values,
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Returns the numbers and the pictures among values."""
    numbers: dict[str, float] = {}
    pictures: dict[str, np.ndarray] = {}
    for name, value in values.items():
        if isinstance(value, np.ndarray):
            pictures[name] = value
        else:
            numbers[name] = float(value)
    return numbers, pictures


def refuse_empty(key: str, value: str) -> None:
    """Raises UserError for a name that is empty."""
    if not value.strip():
        raise UserError(f"{key}={value!r}: takes a name")
