"""What an evaluator is: frozen parameters, a check before training, measurements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from research.data.split import Split
from research.errors import UserError
from research.evals.measurement import Measurement


@dataclass(frozen=True)
class Evaluator:
    """Measures a classifier, or a network of ours, on a split.

    The fields of a subclass are its parameters, one for each key of its YAML. It checks
    their values in `__post_init__`, so that a wrong one is told when the config is
    built; what depends on the network or the examples it refuses in `check`, which
    computes nothing and which a run calls before it trains.

    Attributes:
      name: in `conf/eval/`, for errors: `eval.NAME.batch=0`.
    """

    name: ClassVar[str]

    def check(self, predict: Callable[..., Any], split: Split) -> None:
        """Refuses what it cannot measure.

        Args:
          predict: what is to be measured, trained or not.
          split: the examples.

        Raises:
          UserError: names the key to change.
        """

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields measurements, one at a time; computes when they are asked for."""
        raise NotImplementedError

    def at_least(self, least: float, **values: float | None) -> None:
        """Refuses parameters below `least`; None, where a field allows it, passes.

        Raises:
          UserError: names the key, its value and what it takes.
        """
        for key, value in values.items():
            if value is not None and value < least:
                raise UserError(
                    f"eval.{self.name}.{key}={value}: takes {least:g} or more"
                )
