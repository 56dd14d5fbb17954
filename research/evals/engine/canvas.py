"""Objects on a canvas: images resized, and put at places of our choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from research.data.split import Split
from research.errors import UserError
from research.types import Images

Room = tuple[int, int]  # largest row and column of an object's top left corner


@dataclass(frozen=True)
class Canvas:
    """Resizes an image (bilinear, antialiased) and puts it on a canvas of its old size.

    Attributes:
      height: of the resized object, pixels.
      width: likewise.
      background: of the canvas in [0, 1], a value or one for each channel.
    """

    height: int
    width: int
    background: float | tuple[float, ...] = 0.0

    def __call__(self, images: Images, places: Int[Array, "batch 2"]) -> Images:
        """Returns the canvases, (batch, H, W, C).

        Args:
          images: (batch, H, W, C).
          places: (row, column) of the object's top left corner, in [0, H − height] and
            [0, W − width].
        """
        batch, rows, columns, channels = images.shape
        size = (batch, self.height, self.width, channels)
        objects = jax.image.resize(images, size, "linear")
        empty = jnp.broadcast_to(
            jnp.asarray(self.background, images.dtype), (rows, columns, channels)
        )

        def put(thing: Array, place: Array) -> Array:
            return jax.lax.dynamic_update_slice(empty, thing, (*place, jnp.int32(0)))

        return jax.vmap(put)(objects, places)


def fit_object(
    split: Split, size: float, background: float | Sequence[float], evaluator: str
) -> tuple[Canvas, Room]:
    """Returns a canvas for objects of a relative size, and their room to move.

    Args:
      split: whose images have the canvas's size.
      size: of the object, as a fraction of the canvas.
      background: of the canvas.
      evaluator: by name, for the errors.

    Raises:
      UserError: the object is empty, or as large as the canvas; or the background is of
        other channels.
    """
    height, width, channels = split.images.shape[1:]
    rows, columns = round(size * height), round(size * width)
    if not (0 < rows < height and 0 < columns < width):
        raise UserError(
            f"eval.{evaluator}.size={size}: on a canvas of {height}×{width} the object "
            f"has {rows}×{columns} pixels; it takes a fraction between 0 and 1 that "
            "leaves room to move"
        )
    colour = tuple(background) if isinstance(background, Sequence) else (background,)
    if len(colour) not in (1, channels):
        raise UserError(
            f"eval.{evaluator}.background={list(colour)}: takes a value, or one for "
            f"each of the {channels} channels"
        )
    return Canvas(rows, columns, colour), (height - rows, width - columns)


def draw_places(seed: int, examples: int, room: Room) -> np.ndarray:
    """Draws (row, column) uniform on [0, room] per axis; (examples, 2) int32."""
    draws = np.random.default_rng(seed).random((examples, 2))
    return (draws * (np.array(room) + 1)).astype(np.int32)
