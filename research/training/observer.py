"""What a training reports to as it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class Observer:
    """Hears of the steps and epochs of a training; this one does nothing."""

    def resume(self, step: int, notes: Sequence[str]) -> None:
        """Training goes on after `step`, 0 at first.

        Args:
          step: rows of later steps are about to be recorded once more.
          notes: a line for each checkpoint that was found damaged.
        """

    def advance(self, step: int, row: Mapping[str, Any]) -> None:
        """A step was dispatched; called after each.

        Args:
          step: its number, from 1.
          row: `step` and `epoch`; after some steps the means of the running epoch, too.
        """

    def record(self, row: Mapping[str, Any]) -> None:
        """An epoch has ended.

        Args:
          row: `step`, `epoch` and `split`, which is `train` or `validation`; then what
            was measured on it.
        """
