"""Perturbations: pure functions of images and an argument per example; their draws.

A perturbation is `perturb(images, arguments) → images`, jittable, with one row of the
argument for each example, so that what an example goes through never depends on its
batch. Offsets are (dy, dx) in pixels; content moves down and right for
d > 0. Along an axis of one pixel, as of a signal, nothing moves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from research.nn.signal import shift
from research.types import Images

Offsets = Int[Array, "batch 2"]  # (dy, dx) of each example, pixels
Draws = Int[np.ndarray, "examples 2"]
Size = int | tuple[int, int]  # for both axes, or (height, width)
# Of 32 bits wherever JAX would take 64: those are other draws.
draw_whole = partial(jax.random.randint, dtype=jnp.int32)


def circular(images: Images, offsets: Offsets) -> Images:
    """T_d: what leaves at one border comes in at the opposite one.

    Args:
      images: (batch, H, W, C).
      offsets: (dy, dx) of each example, any integers.
    """
    return shift(images, offsets)


def zero(images: Images, offsets: Offsets) -> Images:
    """Translates by d and fills what comes in with zeros.

    Args:
      images: (batch, H, W, C).
      offsets: (dy, dx) of each example; from H or W on nothing is left.
    """
    height, width = images.shape[1:3]
    rows = is_inside(offsets[:, 0], height)
    columns = is_inside(offsets[:, 1], width)
    inside = rows[:, :, None] & columns[:, None, :]
    return jnp.where(inside[..., None], shift(images, offsets), 0)


def is_inside(offsets: Int[Array, " batch"], size: int) -> Bool[Array, "batch size"]:
    """Whether position i of a translated axis shows the image: 0 ≤ i − d < size.

    An axis of one pixel always does: there is nowhere to go along it.
    """
    source = jnp.arange(size) - offsets[:, None]
    return (source >= 0) & (source < size) | (size == 1)


@dataclass(frozen=True)
class Crop:
    """Crops out of images that are larger, or that zeros make larger first.

    (batch, H, W, C) → (batch, height, width, C). A value, not a closure: equal crops
    share one compilation.

    Attributes:
      height: rows kept, at most H + pad.
      width: columns kept, at most W + pad.
      pad: r, rows and columns of zeros added first: ⌊r/2⌋ before the image, the others
        behind it. 0 for images that are larger themselves.

    References:
      R. Zhang, Making Convolutional Networks Shift-Invariant Again, ICML 2019,
      arXiv:1904.11486 (crops of 224 out of 256).
    """

    height: int
    width: int
    pad: int = 0

    def __call__(
        self, images: Images, offsets: Offsets
    ) -> Float[Array, "batch rows columns channels"]:
        """Returns the crops whose first rows and columns are `offsets` ≥ 0."""
        around = (self.pad // 2, self.pad - self.pad // 2)
        canvas = jnp.pad(images, ((0, 0), around, around, (0, 0)))
        return shift(canvas, -offsets)[:, : self.height, : self.width]


def draw_offsets(key: PRNGKeyArray, examples: int, low: Size, high: Size) -> Draws:
    """Draws an offset for each example, uniform on [low, high]², both ends inclusive.

    Example i gets the same offset however many examples there are.

    Args:
      key: of the draw.
      examples: how many.
      low: least offset, for both axes or (dy, dx), pixels.
      high: largest offset.
    """
    least, most = np.array(low), np.array(high)
    return np.asarray(draw_whole(key, (examples, 2), least, most + 1))


def draw_ring(key: PRNGKeyArray, examples: int, distance: int) -> Draws:
    """Draws an offset for each example, uniform on the 8d with max(|dy|, |dx|) = d.

    Args:
      key: of the draw; example i gets the same offset however many examples there are.
      examples: how many.
      distance: d ≥ 1, pixels.
    """
    d = distance
    place = np.asarray(draw_whole(key, (examples,), 0, 8 * d))
    along = place % (2 * d) - d  # −d … d−1, so that each corner belongs to one side
    sides = np.stack(
        [
            np.stack([np.full_like(along, -d), along], -1),
            np.stack([along, np.full_like(along, d)], -1),
            np.stack([np.full_like(along, d), -along], -1),
            np.stack([-along, np.full_like(along, -d)], -1),
        ]
    )
    return sides[place // (2 * d), np.arange(examples)]


def shortest(size: tuple[int, int]) -> int:
    """Returns the length of the shorter axis; one of one pixel does not count."""
    return min((length for length in size if length > 1), default=1)


def along(offsets: Draws, size: tuple[int, int]) -> Draws:
    """Turns offsets that keep their ∞-norm along the axis that an image has.

    Args:
      offsets: (dy, dx) of each example.
      size: (height, width); where one is 1 the larger component goes to the other axis.
    """
    flat = np.array(size) == 1
    if not flat.any():
        return offsets
    largest = np.abs(offsets).argmax(1)
    return np.where(flat, 0, offsets[np.arange(len(offsets)), largest, None])
