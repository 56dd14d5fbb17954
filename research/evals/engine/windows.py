"""Canvases, and the windows of them that a classifier is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int

from research.data.split import Split
from research.errors import UserError
from research.evals.engine.predictor import Perturb
from research.models.network import Network
from research.transforms.shifts import Crop, Offsets, draw_ring
from research.types import Images

Size = tuple[int, int]
Corners = Int[np.ndarray, "examples 2"]


@dataclass(frozen=True)
class Canvases:
    """Images that are larger than what is shown of them.

    Attributes:
      split: the canvases as `image`, with their labels if there are any.
      size: (height, width) of a window.
      seen: (height, width) to which windows are scaled; None: they are as large.
      corners: (N, 2) of the window of each canvas that others are compared with.
      fixed: whether these come with the data, so that no others are drawn.
    """

    split: Split
    size: Size
    corners: Corners
    fixed: bool = False
    seen: Size | None = None

    @classmethod
    def centred(cls, split: Split, size: Size) -> Canvases:
        """Returns canvases whose windows lie in the centre."""
        room = np.subtract(split.images.shape[1:3], size)
        return cls(split, size, np.tile(room // 2, (len(split), 1)).astype(np.int32))

    @classmethod
    def of_scenes(cls, split: Split) -> Canvases:
        """Returns the canvases that a data set keeps beside the images cut from them.

        Args:
          split: with `canvas` and `corner`, and what is known of each example; with
            `window`, (height, width) of each on its canvas, where these are scaled to
            the images after they are cut.
        """
        known: Mapping[str, Any] = {
            name: rows for name, rows in split.arrays.items() if name == "label"
        }
        seen = split.images.shape[1], split.images.shape[2]
        canvases, size = Split({"image": split["canvas"], **known}), seen
        if "window" in split.arrays:
            height, width = split["window"][0].tolist()
            size = height, width
        scaled = None if size == seen else seen
        return cls(canvases, size, split["corner"], fixed=True, seen=scaled)

    @property
    def full(self) -> Size:
        """(H, W) of a canvas."""
        height, width = self.split.images.shape[1:3]
        return height, width

    @property
    def room(self) -> np.ndarray:
        """(2,) largest corner of a window."""
        return np.subtract(self.full, self.size)

    @property
    def crop(self) -> Perturb:
        """The perturbation by which windows with given corners are cut."""
        return Crop(*self.size) if self.seen is None else Reduced(*self.size, self.seen)

    @property
    def reach(self) -> int:
        """How many pixels every window may move in all directions, negative if none."""
        return int(np.minimum(self.corners, self.room - self.corners).min())

    @property
    def method(self) -> str:
        """What their rows say of them."""
        shown = f"windows of {format_size(self.size)} in {format_size(self.full)}"
        scaled = "" if self.seen is None else f", scaled to {format_size(self.seen)}"
        return f"real content: {shown}{scaled}"

    def draw_pairs(self, seed: int, distance: int) -> tuple[Corners, Corners]:
        """Draws two windows of each canvas, max(|dy|, |dx|) = distance apart.

        The first is that of `corners` where these are fixed, and else drawn, too.
        """
        if not self.fixed:
            return draw_places(seed, len(self.split), distance, self.room)
        steps = draw_ring(jax.random.key(seed), len(self.split), distance)
        return self.corners, (self.corners + steps).astype(np.int32)


@dataclass(frozen=True)
class Reduced:
    """Crops that are scaled after they are cut: bilinear, antialiased.

    (batch, H, W, C) → (batch, *seen, C). A value, not a closure: equal ones share one
    compilation.

    Attributes:
      height: rows of a crop.
      width: columns.
      seen: (height, width) of what comes out.
    """

    height: int
    width: int
    seen: Size

    def __call__(
        self, images: Images, offsets: Offsets
    ) -> Float[Array, "batch rows columns channels"]:
        """Returns the crops whose first rows and columns are `offsets` ≥ 0."""
        crops = Crop(self.height, self.width)(images, offsets)
        shape = (len(images), *self.seen, images.shape[3])
        return jax.image.resize(crops, shape, "linear", antialias=True)


def draw_places(
    seed: int, examples: int, distance: int, room: np.ndarray
) -> tuple[Corners, Corners]:
    """Draws the corners of two windows, both within a canvas, for each example.

    Args:
      seed: example i gets the same ones however many there are.
      examples: how many.
      distance: max(|dy|, |dx|) from one to the other, pixels.
      room: (2,) largest corner; at least the distance along each axis.

    Returns:
      Both, (examples, 2) int32.
    """
    steps = draw_ring(jax.random.key(seed), examples, distance)
    low, high = np.maximum(0, -steps), room - np.maximum(0, steps)
    draws = np.random.default_rng([seed, distance]).random((examples, 2))
    first = (low + draws * (high - low + 1)).astype(np.int32)
    return first, (first + steps).astype(np.int32)


def takes(network: Network, size: Size, channels: int) -> bool:
    """Whether a network takes images of a size; computes nothing."""
    graph, state = nnx.split(network)
    image = jax.ShapeDtypeStruct((1, *size, channels), jnp.float32)
    try:
        jax.eval_shape(lambda s, x: nnx.merge(graph, s)(x), state, image)
    except (UserError, TypeError, ValueError):  # JAX's errors of shapes
        return False
    return True


def format_size(size: tuple[int, ...]) -> str:
    """Returns `28×28`."""
    return "×".join(map(str, size))
