"""Test-time averaging: the mean answer to an image moved by a few pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from research.errors import UserError
from research.nn.signal import pad
from research.types import Count, Images, Map, Padding, Shape
from research.wrappers.wrapper import Wrapper, shape_of


@dataclass(frozen=True)
class Average(Wrapper):
    """The mean of the logits, or vectors, of count² views, each moved by whole pixels.

    Along each axis an image is moved up, or left, by step · i − ⌊step · (count − 1)/2⌋
    pixels, i = 0 … count − 1: evenly to both sides, but for half a pixel. Wrapped
    around, so that count · step is the image's side, these moves are a subgroup of all
    or a coset of one, and the mean does not change under its moves: with step = 1 under
    none. So does, of a network that commutes with circular shifts by its stride s, the
    mean of count = s, step = 1. Costs count² passes, and the memory of as many images.

    Attributes:
      count: how many moves along each axis.
      step: pixels from one to the next.
      border: what comes in: the image mirrored, wrapped around, zeros, or nothing
        (`valid`): then the views are (count − 1) · step pixels smaller, and show
        nothing but what was there.

    References:
      R. R. Coifman, D. L. Donoho, Translation-Invariant De-Noising, Wavelets and
      Statistics, 1995 (the mean over all shifts as a way to invariance).
    """

    count: Count = 3
    step: Count = 1
    border: Padding = "reflect"

    @property
    def window(self) -> int:
        """Pixels from the first move to the last, and one."""
        return (self.count - 1) * self.step + 1

    def views(self, images: Images) -> Sequence[Map]:
        """Returns the moved images, row by row."""
        padded = pad(images, self.window, self.border, name="wrap=average")
        height, width, _ = self.shape(shape_of(images))
        moves = range(0, self.window, self.step)
        return [padded[:, i : i + height, j : j + width] for i in moves for j in moves]

    def shape(self, shape: Shape) -> Shape:
        """Returns the shape of a view: smaller where nothing comes in.

        Raises:
          UserError: the moves go beyond the image.
        """
        height, width, channels = shape
        if self.window > min(height, width):
            raise UserError(
                f"wrap.count={self.count}: moves in steps of wrap.step={self.step} go "
                f"{self.window - 1} pixels far, and images are {height}×{width}"
            )
        less = self.window - 1 if self.border == "valid" else 0
        return height - less, width - less, channels
