"""Numbers within a range, as annotations of parameters.

A range there is the one place where it is written down: `research.config.values` holds
what a config gives against it.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated

from research.errors import join_options

MOST = 2**31 - 1  # the largest integer that every array and generator takes
FLOAT32_MAX = (2 - 2**-23) * 2.0**127  # the largest number of float32


@dataclass(frozen=True)
class Range:
    """The numbers from `low` to `high`.

    Attributes:
      low: the least.
      high: the greatest.
      above: whether `low` itself is left out.
      below: whether `high` itself is.
      infinite: whether infinity is one of them.
    """

    low: float | int = -math.inf
    high: float | int = math.inf
    above: bool = False
    below: bool = False
    infinite: bool = False

    def __contains__(self, value: float | int) -> bool:
        low = self.low < value if self.above else self.low <= value
        high = value < self.high if self.below else value <= self.high
        finite = abs(value) <= FLOAT32_MAX or (self.infinite and math.isinf(value))
        return finite and low and high

    def __str__(self) -> str:
        lowest, highest = f"{self.low:,}", f"{self.high:,}"
        bounded = math.isfinite(self.high)
        if math.isfinite(self.low) and bounded and not (self.above or self.below):
            return f"from {lowest} to {highest}"
        low = f"above {lowest}" if self.above else f"of at least {lowest}"
        high = f"below {highest}" if self.below else f"of at most {highest}"
        parts = [low] if math.isfinite(self.low) else []
        words = " and ".join([*parts, high] if bounded else parts)
        return f"{words} or inf" if self.infinite else words


@dataclass(frozen=True)
class Bits:
    """The integers that arrays can have so many of; said of those only that have more.

    Attributes:
      number: of bits, without the sign.
    """

    number: int

    def __contains__(self, value: int) -> bool:
        return abs(value) < 2**self.number

    def __str__(self) -> str:
        return ""


@dataclass(frozen=True)
class OneOf:
    """A few words or numbers.

    Attributes:
      options: which.
    """

    options: Collection[object]

    def __contains__(self, value: object) -> bool:
        return value in self.options

    def __str__(self) -> str:
        return join_options(list(self.options))


@dataclass(frozen=True)
class Length:
    """The lists of so many values.

    Attributes:
      least: how many there are at least.
      most: and at most; None: any number.
      names: of the values, where each has one: `height, width`.
    """

    least: int = 1
    most: int | None = None
    names: str = ""

    def __contains__(self, value: Sequence[object]) -> bool:
        return self.least <= len(value) and (
            self.most is None or len(value) <= self.most
        )

    def __str__(self) -> str:
        if self.most is None:
            return f"({self.least} or more)"
        if self.names:
            return f"as [{self.names}]"
        same = self.least == self.most
        return f"({self.least})" if same else f"({self.least} to {self.most})"


Count = Annotated[int, Range(1), Bits(31)]
Natural = Annotated[int, Range(0), Bits(31)]
Seed = Annotated[int, Range(0, MOST)]
Finite = Annotated[float | int, Range()]
Positive = Annotated[float | int, Range(0, above=True)]
NonNegative = Annotated[float | int, Range(0)]
Fraction = Annotated[float | int, Range(0, 1)]
Probability = Annotated[float | int, Range(0, 1, below=True)]  # of what is left out
Share = Annotated[float | int, Range(0, 1, above=True, below=True)]
Counts = Annotated[Sequence[Count], Length()]
Step = Annotated[Sequence[int], Length(2, 2, "dy, dx")]  # pixels
Sides = (
    Count | Annotated[Sequence[Count], Length(2, 2, "height, width")]
)  # of both axes, or of each
