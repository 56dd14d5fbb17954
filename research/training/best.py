"""The checkpoint that validated best, kept beside the last ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import jax.numpy as jnp
import numpy as np

from research.distributed import devices
from research.training.checkpoint import Checkpoints
from research.training.state import State
from research.training.step import Trainer

Means = Mapping[str, float | int]
FOLDER = "best"  # below the checkpoints of a run
LOWER = "loss"  # the one measure of which less is better


class Best:
    """Keeps the network of the epoch with the best validation, the first of equals.

    Args:
      checkpoints: the folder of the run's own; `best/` in it is this one's.
      measure: `loss`, or a score of the task.
    """

    def __init__(self, checkpoints: Path, measure: str):
        self.checkpoints = Checkpoints(checkpoints / FOLDER, keep=1)
        self.measure = measure
        self._value: float | None = None  # the larger the better

    def __enter__(self) -> Best:
        self.checkpoints.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.checkpoints.__exit__(kind, error, trace)

    def resume(self, first: int) -> list[str]:
        """Reads what was best so far of a training that goes on after a step.

        What lies beyond that step comes again, and is then the best again.

        Returns:
          A line for each checkpoint that was found damaged.
        """
        step, state, notes = self.checkpoints.resume({"value": jnp.float32(0)})
        if 0 < step <= first:
            self._value = float(state["value"])
        return notes

    def consider(self, step: int, trainer: Trainer, state: State, means: Means) -> None:
        """Saves a state if it is better than all before it.

        Args:
          step: that it is of.
          trainer: of the state.
          state: after an epoch.
          means: what validation found.
        """
        value = float(np.float32(means[self.measure]))
        value = -value if self.measure == LOWER else value
        if np.isnan(value) or (self._value is not None and not value > self._value):
            return
        self._value = value
        mark = devices.replicate(jnp.float32(value), trainer.mesh)
        kept = {"params": state.params, "rest": state.rest, "value": mark}
        self.checkpoints.save(step, kept)
