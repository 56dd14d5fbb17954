"""What a statistic would be without each seed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

V = TypeVar("V")  # what there is of a seed: a difference, an array over examples, …
T = TypeVar("T")  # what the statistic returns


@dataclasses.dataclass(frozen=True)
class LeaveOneOut(Generic[T]):
    """A statistic of all seeds, and of all but each.

    Attributes:
      whole: of all seeds.
      without: left-out seed → of the others.
    """

    whole: T
    without: Mapping[int, T]

    def find_turning(self, part: Callable[[T], Any]) -> list[int]:
        """Returns the seeds without which a part of the statistic is another.

        Args:
          part: of a statistic, such as `lambda one: one.outcome`.
        """
        whole = part(self.whole)
        return [seed for seed, one in self.without.items() if part(one) != whole]


def leave_one_out(
    values: Mapping[int, V], statistic: Callable[[Mapping[int, V]], T]
) -> LeaveOneOut[T]:
    """Recomputes a statistic without each seed.

    Args:
      values: seed → what there is of it.
      statistic: of such a mapping; the seeds stay in their order.
    """
    without = {
        left: statistic({seed: one for seed, one in values.items() if seed != left})
        for left in values
    }
    return LeaveOneOut(statistic(values), without)
