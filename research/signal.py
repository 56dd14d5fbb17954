"""Pure operations on maps: padding, windows, polyphase grids, binomial rows, shifts.

Everything is NHWC and acts on the two spatial axes. Pads are always explicit: "SAME" with
a stride above 1 pads (0, 1) in XLA and (1, 1) elsewhere, so that a strided operation would
differ from the dense one decimated.
"""

from math import comb

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from research.errors import UserError
from research.types import Map, Padding, Stride

MODES = {"zero": "constant", "reflect": "reflect", "circular": "wrap"}


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """Returns `(height, width)` of a size given once or for both axes."""
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


def margins(window: int) -> tuple[int, int]:
    """Pads (before, after) that keep the size: ⌊(k−1)/2⌋ and ⌈(k−1)/2⌉."""
    return (window - 1) // 2, window // 2


def pad(
    x: Map,
    window: int | tuple[int, int],
    padding: Padding,
    *,
    fill: float = 0.0,
    name: str = "layer",
) -> Map:
    """Pads a map so that a `window` at every position keeps its size.

    Args:
      x: (batch, height, width, channels).
      window: size k of the window, or one for each axis.
      padding: `valid` adds nothing, `zero` adds `fill`.
      fill: what `zero` means: 0 for sums, −∞ for a maximum.
      name: the layer, for the error.

    Returns:
      (batch, height + k − 1, width + k − 1, channels), or `x` itself under `valid`.

    Raises:
      UserError: the padding has no such name, or the map is too small for it.
    """
    sizes = pair(window)
    height, width = x.shape[1:3]
    if padding == "valid":
        if height < sizes[0] or width < sizes[1]:
            raise UserError(
                f"{name}: a {sizes[0]}×{sizes[1]} window does not fit a "
                f"{height}×{width} map; use fewer poolings, a smaller window, or "
                "model.padding=zero|reflect|circular"
            )
        return x
    if padding not in MODES:
        raise UserError(
            f"{name}: padding {padding!r} is none of valid, zero, reflect, circular "
            "(key model.padding or the part's own)"
        )
    rows, columns = margins(sizes[0]), margins(sizes[1])
    if padding == "reflect" and (max(rows) >= height or max(columns) >= width):
        raise UserError(
            f"{name}: reflect padding by {max(rows)}×{max(columns)} needs a larger map "
            f"than {height}×{width}; use padding=zero or circular, or a smaller window"
        )
    if rows == columns == (0, 0):
        return x
    constant = {"constant_values": fill} if padding == "zero" else {}
    return jnp.pad(x, ((0, 0), rows, columns, (0, 0)), MODES[padding], **constant)


def slide(
    x: Map, window: int, stride: int, axis: int
) -> list[Float[Array, "batch height width channels"]]:
    """Returns the `window` slices of `x` that a sliding window sees along `axis`.

    Slice i holds element i of every window, at every `stride`-th position: combining the
    slices elementwise (sum, maximum, …) gives the pooled map. XLA fuses them into one
    loop, and the gradient is a sum of padded slices, cheaper than a windowed reduction's.
    """
    count = (x.shape[axis] - window) // stride + 1
    cut = [slice(None)] * x.ndim
    slices = []
    for start in range(window):
        cut[axis] = slice(start, start + (count - 1) * stride + 1, stride)
        slices.append(x[tuple(cut)])
    return slices


def binomial(taps: int) -> Float[np.ndarray, " taps"]:
    """Row `taps − 1` of Pascal's triangle, summing to 1 (Zhang 2019, arXiv:1904.11486)."""
    row = np.array([comb(taps - 1, i) for i in range(taps)], np.float32)
    return row / row.sum()


def decimate(x: Map, stride: Stride) -> Map:
    """Keeps the first of every `stride` rows and columns: (H, W) → (⌈H/s⌉, ⌈W/s⌉)."""
    return x if stride == (1, 1) else x[:, :: stride[0], :: stride[1]]


def polyphase(x: Map, stride: Stride) -> Float[Array, "batch phases rows columns channels"]:
    """Splits a map into its s_h·s_w decimated grids, phase (p, q) at index p·s_w + q.

    Sizes that the stride does not divide are continued circularly by (−H) mod s rows and
    (−W) mod s columns, so that every phase has ⌈H/s⌉ × ⌈W/s⌉ elements.
    """
    rows, columns = stride
    batch, height, width, channels = x.shape
    x = jnp.pad(
        x, ((0, 0), (0, -height % rows), (0, -width % columns), (0, 0)), mode="wrap"
    )
    x = x.reshape(
        batch, x.shape[1] // rows, rows, x.shape[2] // columns, columns, channels
    )
    x = x.transpose(0, 2, 4, 1, 3, 5)
    return x.reshape(batch, rows * columns, *x.shape[3:])


def shift(x: Map, offset: tuple[int, int] | Int[Array, "batch 2"]) -> Map:
    """T_d: circular shift by `offset` = (dy, dx) pixels, or by one offset per example.

    Row dy of the result is row 0 of `x`: content moves down and right for d > 0.
    """
    if isinstance(offset, tuple):
        return jnp.roll(x, offset, (1, 2))
    height, width = x.shape[1:3]
    rows = (jnp.arange(height) - offset[:, :1]) % height
    columns = (jnp.arange(width) - offset[:, 1:]) % width
    x = jnp.take_along_axis(x, rows[:, :, None, None], axis=1)
    return jnp.take_along_axis(x, columns[:, None, :, None], axis=2)
