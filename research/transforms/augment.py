"""Augmentation of training batches: random shifts and flips, one draw per example."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, Key, Shaped

from research.errors import UserError
from research.nn.signal import MODES
from research.transforms.shifts import draw_whole
from research.types import Natural

Batch = Mapping[str, Array]  # name → array with one row per example
Border = Literal["circular", "zero", "reflect"]


def augment(
    batch: Batch,
    key: Key[Array, ""],
    *,
    shift: Natural = 0,
    border: Border = "circular",
    flip: bool | Literal["alternating"] = False,
    ignore: int = 255,
) -> dict[str, Array]:
    """Moves every image by its own random offset, and mirrors every other one.

    Whatever lies on the grid of an image moves with it: every array (batch, height,
    width, …) of the image's height and width, such as a mask. So do `position`, (y, x)
    of pixel centres in pixels, and `box`, (top, left, bottom, right) with exclusive
    ends. Both may leave the image where content does; with a circular border a position
    wraps around, and a box that wraps around ends beyond the border.

    The draw of example i depends on `key` and i alone: not on the rest of the batch,
    its size, or the devices it is spread over.

    Args:
      batch: `image`, float32 in [0, 1], (batch, height, width, channels), and any other
        arrays; `position` is (batch, …, 2), `box` is (batch, …, 4).
      key: of the step.
      shift: the largest offset in pixels; (dy, dx) is uniform on [−shift, shift]². An
        axis of one pixel, as of a signal, is not shifted.
      border: what moves in: the other side (`circular`), 0 (`zero`: a crop from the
        padded image; He 2016, arXiv:1512.03385, has shift 4), or the mirrored image.
      flip: whether to mirror left and right with probability ½; `alternating`: half of
        the examples in even epochs and the other half in odd ones, so that each is seen
        both ways in any two (Jordan 2024, arXiv:2404.00498). It needs `epoch` and
        `draw`, as in training.
      ignore: what moves into integer arrays other than the image where the border is
        `zero`: a class that loss and score leave out.

    Returns:
      A batch of the same arrays.

    Raises:
      UserError: the shift is negative, the border unknown, or `ignore` does not fit
        into the integers of a mask.
    """
    if shift < 0:
        raise UserError(f"augment.shift={shift}: give 0 or more pixels")
    if border not in MODES:
        raise UserError(f"augment.border={border}: give one of {', '.join(MODES)}")
    count, height, width = batch["image"].shape[:3]
    keys = jax.vmap(partial(jax.random.fold_in, key))(jnp.arange(count))
    moves = Moves.draw(keys, shift=shift, border=border, flip=flip is True)
    if 1 in (height, width):
        alone = jnp.array((height, width)) == 1
        moves = replace(moves, corners=jnp.where(alone, shift, moves.corners))
    if flip == "alternating":
        mirrored = (batch["draw"] + batch["epoch"].astype(jnp.uint32)) % 2 == 1
        moves = replace(moves, mirrored=mirrored)
    moved = dict(batch)
    for name, rows in batch.items():
        if name == "position":
            moved[name] = moves.move_positions(rows, (height, width))
        elif name == "box":
            moved[name] = moves.move_boxes(rows, (height, width))
        elif rows.ndim >= 3 and rows.shape[1:3] == (height, width):
            fill = 0 if name == "image" else find_fill(name, rows.dtype, ignore)
            moved[name] = moves.move_grids(rows, fill)
    return moved


def find_fill(name: str, dtype: Any, ignore: int) -> int:
    """Returns what moves into an array on the image's grid from outside it.

    Raises:
      UserError: `ignore` does not fit into its integers.
    """
    if not jnp.issubdtype(dtype, jnp.integer):
        return 0
    limits = jnp.iinfo(dtype)
    if not limits.min <= ignore <= limits.max:
        raise UserError(
            f"augment.ignore={ignore}: {name} is {dtype} and takes {limits.min} to "
            f"{limits.max}"
        )
    return ignore


@dataclass(frozen=True)
class Moves:
    """What happens to each example of a batch.

    Attributes:
      corners: (top, left) of what is kept of an image that is padded by `shift`.
      mirrored: whether left and right are exchanged after that; None: of no example.
      shift: the largest offset in pixels.
      border: what moves in.
    """

    corners: Int[Array, "batch 2"]
    mirrored: Bool[Array, " batch"] | None
    shift: int
    border: Border

    @classmethod
    def draw(
        cls, keys: Key[Array, " batch"], *, shift: int, border: Border, flip: bool
    ) -> Moves:
        """Draws a move for each key."""
        place, side = jnp.moveaxis(jax.vmap(jax.random.split)(keys), 1, 0)
        corner = partial(draw_whole, shape=(2,), minval=0, maxval=2 * shift + 1)
        mirrored = jax.vmap(jax.random.bernoulli)(side) if flip else None
        return cls(jax.vmap(corner)(place), mirrored, shift, border)

    def move_grids(
        self, rows: Shaped[Array, "batch height width ..."], fill: int
    ) -> Shaped[Array, "batch height width ..."]:
        """Moves arrays on the image's grid; a border of zeros is filled with `fill`."""
        if self.shift:
            around = [(0, 0), *2 * [(self.shift, self.shift)]]
            around += [(0, 0)] * (rows.ndim - 3)
            constant = {"constant_values": fill} if self.border == "zero" else {}
            padded = jnp.pad(rows, around, MODES[self.border], **constant)
            sizes = rows.shape[1:]

            def cut(one: Array, corner: Array) -> Array:
                start = (*corner, *[jnp.int32(0)] * (one.ndim - 2))
                return jax.lax.dynamic_slice(one, start, sizes)

            rows = jax.vmap(cut)(padded, self.corners)
        return self._choose(lambda: rows[:, :, ::-1], rows)

    def move_positions(
        self, rows: Shaped[Array, "batch *more 2"], size: tuple[int, int]
    ) -> Shaped[Array, "batch *more 2"]:
        """Moves (y, x) in pixels; mirrored, column i of `width` is width − 1 − i."""
        rows = self._offset(rows, size)

        def mirror() -> Array:
            turned = jnp.stack([rows[..., 0], size[1] - 1 - rows[..., 1]], -1)
            return self._wrap(turned, size)

        return self._choose(mirror, rows)

    def move_boxes(
        self, rows: Shaped[Array, "batch *more 4"], size: tuple[int, int]
    ) -> Shaped[Array, "batch *more 4"]:
        """Moves (top, left, bottom, right), ends exclusive, in pixels."""
        extent = rows[..., 2:] - rows[..., :2]
        corner = self._offset(rows[..., :2], size)

        def mirror() -> Array:
            right = corner[..., 1] + extent[..., 1]
            turned = jnp.stack([corner[..., 0], size[1] - right], -1)
            return self._wrap(turned, size)

        corner = self._choose(mirror, corner)
        return jnp.concatenate([corner, corner + extent], -1)

    def _offset(self, places: Array, size: tuple[int, int]) -> Array:
        """Adds the offset of each example to its (y, x)."""
        if not self.shift:
            return places
        between = (1,) * (places.ndim - 2)
        offsets = (self.shift - self.corners).reshape(-1, *between, 2)
        return self._wrap(places + offsets.astype(places.dtype), size)

    def _wrap(self, places: Array, size: tuple[int, int]) -> Array:
        """Takes (y, x) back into the image if the border is circular."""
        if self.border != "circular":
            return places
        return places % jnp.array(size, places.dtype)

    def _choose(self, mirror: Callable[[], Array], rows: Array) -> Array:
        """Replaces the rows of mirrored examples with those that `mirror` returns."""
        if self.mirrored is None:
            return rows
        chosen = self.mirrored.reshape(-1, *(1,) * (rows.ndim - 1))
        return jnp.where(chosen, mirror(), rows)
