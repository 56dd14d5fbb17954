"""Augmentation as by a camera that moves: other windows of an image's canvas."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Key, Shaped

from research.errors import UserError
from research.transforms.shifts import draw_whole
from research.types import Natural

Batch = Mapping[str, Array]  # name → array with one row per example
OF_A_STEP = ("index", "epoch", "draw")  # what training adds to the arrays of the data
CANVAS = "canvas"  # what images are windows of, and the beginning of what lies on it


def move_windows(batch: Batch, key: Key[Array, ""], *, shift: Natural = 4) -> Batch:
    """Cuts every image anew out of its canvas, at its own random offset.

    Real content comes in, nothing wraps around or is filled. An array `canvas_NAME`
    gives NAME in the same window; `position`, (y, x), and `box`, (top, left, bottom,
    right), are those of the new window, and may lie outside it.

    The draw of example i depends on `key` and i alone; see `augment.augment`.

    Args:
      batch: `image` (batch, height, width, channels), float32 in [0, 1]; `canvas`
        (batch, H, W, channels), uint8; `corner` (batch, 2) of the images on the
        canvases; and any other arrays.
      key: of the step.
      shift: the largest offset in pixels; (dy, dx) is uniform on [−shift, shift]², and
        stops at the border of the canvas.

    Returns:
      A batch of the same arrays.

    Raises:
      UserError: the data have no canvas.
    """
    if CANVAS not in batch:
        there = ", ".join(name for name in batch if name not in OF_A_STEP)
        raise UserError(
            "augment=window moves a window over a larger image, and the data have only "
            f"{there}: use data=scenes, or augment=circular or crop"
        )
    count, *size = batch["image"].shape[:3]
    keys = jax.vmap(partial(jax.random.fold_in, key))(jnp.arange(count))
    draw = partial(draw_whole, shape=(2,), minval=-shift, maxval=shift + 1)
    room = jnp.array(np.subtract(batch[CANVAS].shape[1:3], size), jnp.int32)
    old = batch["corner"]
    new = jnp.clip(old + jax.vmap(draw)(keys), 0, room)
    moved = dict(batch) | {"corner": new.astype(old.dtype)}
    for name, rows in batch.items():
        if name == CANVAS:
            moved["image"] = cut(rows, new, size).astype(batch["image"].dtype) / 255
        elif name.startswith(f"{CANVAS}_"):
            moved[name.removeprefix(f"{CANVAS}_")] = cut(rows, new, size)
        elif name in ("position", "box"):
            step = jnp.tile(new - old, rows.shape[-1] // 2).astype(rows.dtype)
            between = (1,) * (rows.ndim - 2)
            moved[name] = rows - step.reshape(count, *between, rows.shape[-1])
    return moved


def cut(
    rows: Shaped[Array, "batch height width ..."],
    corners: Int[Array, "batch 2"],
    size: list[int],
) -> Shaped[Array, "batch rows columns ..."]:
    """Returns the part of each array of this size whose top left corner is given."""

    def one(row: Array, corner: Array) -> Array:
        rest = row.shape[2:]
        start = (*corner, *[jnp.int32(0)] * len(rest))
        return jax.lax.dynamic_slice(row, start, (*size, *rest))

    return jax.vmap(one)(rows, corners)
