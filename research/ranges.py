"""Numbers within a range, for the annotations of whatever a config key sets.

`learning_rate: NonNegative` is the one place where the range is written down;
`research.config.values` checks it when the object is built.
"""

import math
from dataclasses import dataclass
from typing import Annotated


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
        low = f"above {self.low:g}" if self.above else f"of at least {self.low:g}"
        high = f"below {self.high:g}" if self.below else f"at most {self.high:g}"
        parts = [low] if math.isfinite(self.low) else []
        return " and ".join([*parts, high] if math.isfinite(self.high) else parts)


Count = Annotated[int, Range(1)]
Natural = Annotated[int, Range(0)]
Finite = Annotated[float | int, Range()]
Positive = Annotated[float | int, Range(0, above=True)]
NonNegative = Annotated[float | int, Range(0)]
Fraction = Annotated[float | int, Range(0, 1)]
Probability = Annotated[float | int, Range(0, 1, below=True)]  # of what is left out
