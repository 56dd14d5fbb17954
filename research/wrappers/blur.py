"""Input blur: the classifier sees the image through a lowpass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from research.errors import UserError
from research.nn.signal import binomial, margins
from research.nn.windows import correlate
from research.types import Images, Map, Range, SamePadding, Shape
from research.wrappers.wrapper import Wrapper

Taps = Annotated[int, Range(1, 31)]


@dataclass(frozen=True)
class Blur(Wrapper):
    """The image blurred by outer(a, a)/Σ, a row taps − 1 of Pascal's triangle.

    Nothing moves for odd taps; for even ones, everything by half a pixel. The blur
    commutes with shifts, so it can only make the network steadier by what it takes
    away: the fine detail that its strides fold. One pass, and 2 · taps multiply-adds a
    value.

    Attributes:
      taps: 3 is a standard deviation of .71 pixels, 5 of 1, k of √(k − 1)/2.
      padding: what lies beyond the border; zeros darken it.
    """

    moves = False

    taps: Taps = 5
    padding: SamePadding = "reflect"

    def views(self, images: Images) -> Sequence[Map]:
        """Returns the one blurred image."""
        for axis in (1, 2):
            images = correlate(images, binomial(self.taps), 1, self.padding, axis)
        return [images]

    def shape(self, shape: Shape) -> Shape:
        """Returns the shape as it is.

        Raises:
          UserError: the filter is larger than twice the image.
        """
        if max(margins(self.taps)) >= min(shape[:2]):
            raise UserError(
                f"wrap.taps={self.taps}: takes fewer for images of "
                f"{shape[0]}×{shape[1]}"
            )
        return shape
