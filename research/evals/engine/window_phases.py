"""Windows by the phase at which they begin: cut from maps, read, and put in order."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array

from research.types import Map, Stride

Size = tuple[int, int]  # (height, width)


def phases(room: Size, stride: Stride) -> tuple[Size, Size]:
    """Returns how many phases the offsets of windows have, and the room of each.

    Args:
      room: largest offset, for height and width.
      stride: of the stage.
    """
    own = [min(s, more + 1) for s, more in zip(stride, room, strict=True)]
    left = [more // s for s, more in zip(stride, room, strict=True)]
    return (own[0], own[1]), (left[0], left[1])


def begin(x: Map, size: Size, stride: Stride, own: Size, left: Size) -> Map:
    """Returns the maps that begin at each phase, those of one map in a row.

    They are as large as their windows take, with zeros behind the map, which no window
    that lies within it sees.

    Args:
      x: maps.
      size: (height, width) of a window.
      stride: of the stage that takes it.
      own: phases, as `phases` returns them.
      left: room of each, likewise.
    """
    rows, columns = (
        more * step + side for more, step, side in zip(left, stride, size, strict=True)
    )
    below = max(0, own[0] - 1 + rows - x.shape[1])
    behind = max(0, own[1] - 1 + columns - x.shape[2])
    return _begin(x, own, (rows, columns), (below, behind))


@partial(jax.jit, static_argnums=(1, 2, 3))
def _begin(x: Array, own: Size, size: Size, more: Size) -> Array:
    x = jnp.pad(x, ((0, 0), (0, more[0]), (0, more[1]), (0, 0)))
    parts = [
        x[:, top : top + size[0], left : left + size[1]]
        for top in range(own[0])
        for left in range(own[1])
    ]
    return jnp.stack(parts, 1).reshape(-1, *parts[0].shape[1:])


@partial(jax.jit, static_argnums=(0, 3, 4))
def read_windows(
    graph: nnx.GraphDef, state: Any, x: Array, size: Size, room: Size
) -> dict[str, Array]:
    """Returns the answers to all windows of maps, (maps, rows, columns, …)."""
    rows, columns = (
        jnp.arange(more + 1)[:, None] + jnp.arange(side)
        for more, side in zip(room, size, strict=True)
    )
    windows = x[:, rows[:, None, :, None], columns[None, :, None, :]]
    windows = windows.reshape(-1, *size, x.shape[3])
    logits = nnx.merge(graph, state)(windows).astype(jnp.float32)
    shape = len(x), room[0] + 1, room[1] + 1
    return {
        "logits": logits.reshape(*shape, -1),
        "embedding": windows.mean((1, 2)).reshape(*shape, -1),
    }


def arrange(
    answers: np.ndarray, *, taken: Sequence[Size], room: Size, whole: Size
) -> np.ndarray:
    """Returns the answers to the windows of each image in the order of their offsets.

    The offset of a window is p₁ + s₁·(p₂ + s₂·(…)) of its phases before each stage.

    Args:
      answers: (images · phases, rows, columns, K).
      taken: phases before each stage, for height and width.
      room: largest offset on the last map.
      whole: largest offset of the windows.

    Returns:
      (images, whole + 1, whole + 1, K).
    """
    levels = len(taken)
    flat = [side for pair in taken for side in pair]
    rows = answers.reshape(-1, *flat, room[0] + 1, room[1] + 1, answers.shape[-1])
    down = [2 * levels + 1, *range(2 * levels - 1, 0, -2)]
    right = [2 * levels + 2, *range(2 * levels, 0, -2)]
    ordered = rows.transpose(0, *down, *right, 2 * levels + 3)
    height = prod(ordered.shape[1 : levels + 2])
    width = prod(ordered.shape[levels + 2 : 2 * levels + 3])
    found = ordered.reshape(len(rows), height, width, answers.shape[-1])
    return found[:, : whole[0] + 1, : whole[1] + 1]
