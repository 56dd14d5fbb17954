"""Aliases of arrays, and of numbers within a range.

Images and maps are NHWC; `batch` is sharded over the device mesh. A range in the
annotation of a parameter is the one place where it is written down:
`research.config.values` holds what a config gives against it.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from jaxtyping import Array, Float, Int

Padding = Literal["valid", "zero", "reflect", "circular"]
Stride = tuple[int, int]  # (height, width), each ≥ 1
Shape = tuple[int, int, int]  # (height, width, channels) of an image or a map
Edges = tuple[tuple[int, int], tuple[int, int]]  # ((above, below), (left, right))

Images = Float[Array, "batch height width channels"]  # in [0, 1]
# The input and the output of a stage. The underscores leave the axes unbound: a
# function from map to map may change each size.
Map = Float[Array, "_batch _height _width _channels"]
Labels = Int[Array, " batch"]
Logits = Float[Array, "batch classes"]


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
