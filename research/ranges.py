"""Numbers within a range, as annotations of parameters.

A range there is the one place where it is written down: `research.config.values` holds
what a config gives against it.
"""

import math
from dataclasses import dataclass
from typing import Annotated

MOST = 2**31 - 1  # the largest integer that every array and generator takes


@dataclass(frozen=True)
class Range:
    """The finite numbers from `low` to `high`.

    Attributes:
      low: the least.
      high: the greatest.
      above: whether `low` itself is left out.
      below: whether `high` itself is.
    """

    low: float | int = -math.inf
    high: float | int = math.inf
    above: bool = False
    below: bool = False

    def __contains__(self, value: float | int) -> bool:
        low = self.low < value if self.above else self.low <= value
        high = value < self.high if self.below else value <= self.high
        return math.isfinite(value) and low and high

    def __str__(self) -> str:
        lowest, highest = f"{self.low:,}", f"{self.high:,}"
        bounded = self.high < MOST
        if math.isfinite(self.low) and bounded and not (self.above or self.below):
            return f"from {lowest} to {highest}"
        low = f"above {lowest}" if self.above else f"of at least {lowest}"
        high = f"below {highest}" if self.below else f"of at most {highest}"
        parts = [low] if math.isfinite(self.low) else []
        return " and ".join([*parts, high] if bounded else parts)


Count = Annotated[int, Range(1, MOST)]
Natural = Annotated[int, Range(0, MOST)]
Seed = Natural
Finite = Annotated[float | int, Range()]
Positive = Annotated[float | int, Range(0, above=True)]
NonNegative = Annotated[float | int, Range(0)]
Fraction = Annotated[float | int, Range(0, 1)]
Probability = Annotated[float | int, Range(0, 1, below=True)]  # of what is left out
