"""What a training reports to as it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class Observer:
    """Hears of the steps and epochs of a training; this one does nothing.

    Attributes:
      gradients: whether it wants the norm of the gradient, which each step then
        computes.
    """

    gradients: bool = False

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
          row: `step`, `epoch`, and `idle`, the seconds so far in which the devices had
            no batch. After some steps the means of the running epoch, too, up to a step
            that is done, with the number of `examples` in them; and `gradient_norm` of
            that step, if `gradients`.
        """

    def record(self, row: Mapping[str, Any]) -> None:
        """An epoch has ended.

        Args:
          row: `step`, `epoch` and `split`, which is `train` or `validation`; then what
            was measured on it.
        """


class Several(Observer):
    """Tells several observers, one after the other.

    Args:
      *observers: in the order in which they hear.
    """

    def __init__(self, *observers: Observer):
        self.observers = observers
        self.gradients = any(one.gradients for one in observers)

    def resume(self, step: int, notes: Sequence[str]) -> None:
        """Passes it on."""
        for one in self.observers:
            one.resume(step, notes)

    def advance(self, step: int, row: Mapping[str, Any]) -> None:
        """Passes it on."""
        for one in self.observers:
            one.advance(step, row)

    def record(self, row: Mapping[str, Any]) -> None:
        """Passes it on."""
        for one in self.observers:
            one.record(row)
