"""What sliding windows see of a map: slices, to be combined elementwise.

Slices at a stride are dense slices of decimated grids, for the sake of the gradient: it
is these grids put side by side. The gradient of a strided slice has zeros between its
values, and on a CPU takes up to twice the time.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from research.nn.signal import margins
from research.types import Map, Padding, Stride


def resize(x: Map, size: int, axis: int) -> Map:
    """Cuts an axis, or continues it by zeros."""
    if x.shape[axis] == size:
        return x
    widths = [(0, 0, 0)] * x.ndim
    widths[axis] = (0, size - x.shape[axis], 0)
    return jax.lax.pad(x, jnp.zeros((), x.dtype), widths)


def grids(x: Map, stride: int, axis: int) -> list[Map]:
    """Splits an axis into its `stride` decimated grids of ⌈size/stride⌉ elements each.

    Grid p holds the elements p, p + stride, …, and zeros beyond the end. Slices of a
    grid are dense, so their gradients are, and the gradients of the grids are
    concatenated: no zeros are put between values.
    """
    if stride == 1:
        return [x]
    x = resize(x, x.shape[axis] + -x.shape[axis] % stride, axis)
    cells = x.reshape(*x.shape[:axis], -1, stride, *x.shape[axis + 1 :])
    parts = jax.lax.split(cells, [1] * stride, axis + 1)
    return [part.squeeze(axis + 1) for part in parts]


def slide(x: Map, window: int, stride: int, axis: int) -> list[Map]:
    """Returns the `window` slices of `x` that a sliding window sees along `axis`.

    Slice i holds element i of every window, at every `stride`-th position: combining
    the slices elementwise (sum, maximum, …) gives the pooled map. XLA fuses them into
    one loop, and the gradient is a sum of padded slices, cheaper than a windowed
    reduction's.
    """
    count = (x.shape[axis] - window) // stride + 1
    parts = grids(x, stride, axis)
    return [cut(parts, tap, count, axis) for tap in range(window)]


def cut(parts: Sequence[Map], start: int, count: int, axis: int) -> Map:
    """Returns `count` elements of an axis from `start` on, from its `grids`."""
    first, grid = divmod(start, len(parts))
    return jax.lax.slice_in_dim(parts[grid], first, first + count, axis=axis)


def windows(x: Map, window: tuple[int, int], stride: Stride) -> list[Map]:
    """Returns the k_h·k_w slices of `x` that a sliding window sees, row by row."""
    if are_disjoint(window, stride):
        return cells(x, window, stride)
    return [
        part
        for row in slide(x, window[0], stride[0], 1)
        for part in slide(row, window[1], stride[1], 2)
    ]


def are_disjoint(window: tuple[int, int], stride: Stride) -> bool:
    """Whether no two windows share an element."""
    return window[0] <= stride[0] and window[1] <= stride[1]


def cells(x: Map, window: tuple[int, int], stride: Stride) -> list[Map]:
    """Returns the `windows` of a map where no two share an element.

    Both axes are cut at once, so that the gradient is one loop over the map.
    """
    counts = []
    for axis in (1, 2):
        step = stride[axis - 1]
        counts.append((x.shape[axis] - window[axis - 1]) // step + 1)
        x = resize(x, counts[-1] * step, axis)
    rows, columns = counts
    x = x.reshape(len(x), rows, stride[0], columns, stride[1], x.shape[3])
    return [x[:, :, i, :, j] for i in range(window[0]) for j in range(window[1])]


def correlate(
    x: Map, row: Float[np.ndarray, " taps"], stride: int, padding: Padding, axis: int
) -> Map:
    """Correlates one axis of a map with taps, padded, at the kept positions.

    No padded copy is made: the few results that see the border are computed apart.

    Args:
      x: (batch, height, width, channels), large enough for the padding (see `check`).
      row: taps.
      stride: of the positions kept.
      padding: as of `pad`.
      axis: 1 or 2.
    """
    size, taps = x.shape[axis], len(row)
    before, after = (0, 0) if padding == "valid" else margins(taps)
    count = (size + before + after - taps) // stride + 1
    first = min(-(-before // stride), count)
    end = max(first, (size + before - taps) // stride + 1)
    parts = grids(x, stride, axis)

    def inside() -> Map:
        start = first * stride - before
        seen = [cut(parts, start + tap, end - first, axis) for tap in range(taps)]
        return weigh(seen, row)

    def beside(position: int) -> Map:
        start = position * stride - before
        weights = np.zeros(size, row.dtype)
        for tap in range(taps):
            weights[repeated(start + tap, size, padding)] += row[tap]
        (known,) = weights.nonzero()
        return weigh([cut(parts, int(at), 1, axis) for at in known], weights[known])

    pieces = [beside(position) for position in range(first)]
    pieces += [inside()] if end > first else []
    pieces += [beside(position) for position in range(end, count)]
    return pieces[0] if len(pieces) == 1 else jnp.concatenate(pieces, axis)


def weigh(parts: Sequence[Map], weights: Float[np.ndarray, " parts"]) -> Map:
    """Returns Σ weight · part."""
    terms = [weight * part for weight, part in zip(weights, parts, strict=True)]
    return sum(terms[1:], terms[0])


def repeated(place: int, size: int, padding: Padding) -> list[int]:
    """Returns which element of an axis the padding repeats at a place; [] if zero."""
    if 0 <= place < size:
        return [place]
    if padding == "zero":
        return []
    if padding == "circular":
        return [place % size]
    return [-place if place < 0 else 2 * (size - 1) - place]
