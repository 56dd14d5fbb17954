"""A trace of some steps, as TensorBoard, XProf and Perfetto show it."""

from __future__ import annotations

import re
from pathlib import Path
from types import TracebackType
from typing import Any

import jax

from research.distributed import hosts
from research.errors import UserError


class Tracing:
    """Records what the devices and this process do in some steps of a training.

    Args:
      first: step, from 1.
      last: step, in the trace.
      folder: that the trace is written to, `plugins/profile/…` below it.
    """

    def __init__(self, first: int, last: int, folder: Path):
        self.first, self.last, self.folder = first, last, folder
        self._running = False

    def begin(self, steps: range) -> None:
        """Starts before the dispatch that has the first step.

        Args:
          steps: about to be dispatched, from 0.
        """
        if hosts.leads() and steps.start < self.first <= steps.stop:
            jax.profiler.start_trace(str(self.folder))
            self._running = True

    def end(self, step: int, state: Any) -> None:
        """Stops when the last step is done; waits for it.

        Args:
          step: dispatched last, from 1.
          state: after it.
        """
        if self._running and step >= self.last:
            jax.block_until_ready(state)
            self.close()

    def close(self) -> None:
        """Writes the trace of a training that ends in between."""
        if self._running:
            self._running = False
            jax.profiler.stop_trace()

    def __enter__(self) -> Tracing:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def parse_steps(text: str, total: int) -> tuple[int, int]:
    """Returns the first and the last step of `FIRST:LAST`.

    Args:
      text: the value of `profile`.
      total: steps of the training.

    Raises:
      UserError: it is no such range.
    """
    found = re.fullmatch(r"([0-9]{1,9}):([0-9]{1,9})", text)
    first, last = map(int, found.groups()) if found else (0, 0)
    if not 1 <= first <= last <= total:
        raise UserError(
            f"profile={text}: takes FIRST:LAST, steps from 1 to {total}, the number of "
            "this training, such as profile=10:20"
        )
    return first, last
