"""Pure operations on maps: padding, polyphase grids, filters' taps, shifts.

Everything is NHWC and acts on the two spatial axes. Pads are always explicit: "SAME"
with a stride above 1 pads (0, 1) in XLA and (1, 1) elsewhere, so that a strided
operation would differ from the dense one decimated.
"""

from collections.abc import Sequence
from math import comb
from typing import Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Int, Shaped

from research.errors import UserError
from research.types import Edges, Map, Padding, Stride

Size = int | Sequence[int]  # once for both axes, or (height, width)

MODES: dict[str, Literal["constant", "reflect", "wrap"]] = {
    "zero": "constant",
    "reflect": "reflect",
    "circular": "wrap",
}


def pair(value: Size, name: str = "size", most: int | None = None) -> tuple[int, int]:
    """Returns `(height, width)` of a size given once or for both axes.

    Args:
      value: the size.
      name: its config key, for the error.
      most: the largest; None: there is none.

    Raises:
      UserError: not one or two integers of at least 1, and at most `most`.
    """
    sizes = tuple(value) if isinstance(value, Sequence) else (value, value)
    fine = all(isinstance(s, int) and 1 <= s <= (most or s) for s in sizes)
    if len(sizes) != 2 or not fine:
        accepted = "of at least 1" if most is None else f"from 1 to {most}"
        raise UserError(
            f"{name}={value}: takes an integer {accepted}, or two: [height, width]"
        )
    return sizes


def at_least_one(value: int, name: str) -> int:
    """Returns a number of things, or a size that both axes share.

    Raises:
      UserError: no integer of at least 1; `name` is the config key.
    """
    if not isinstance(value, int) or value < 1:
        raise UserError(f"{name}={value}: takes an integer of at least 1")
    return value


def widen(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """Returns `x` in float32 at least: sums of bfloat16 lose their digits."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def margins(window: int) -> tuple[int, int]:
    """Pads (before, after) that keep the size: ⌊(k−1)/2⌋ and ⌈(k−1)/2⌉."""
    return (window - 1) // 2, window // 2


def pad(
    x: Map,
    window: Size,
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
    check(x, sizes, padding, name)
    rows, columns = margins(sizes[0]), margins(sizes[1])
    if padding == "valid" or rows == columns == (0, 0):
        return x
    constant = {"constant_values": fill} if padding == "zero" else {}
    return jnp.pad(x, ((0, 0), rows, columns, (0, 0)), MODES[padding], **constant)


def pad_for_convolution(
    x: Map, window: Size, padding: Padding, *, name: str = "layer"
) -> tuple[Map, Edges]:
    """Pads a map as `pad` does, but leaves padding with zeros to the convolution.

    Returns:
      The map, and how many zeros each side still needs. That the convolution adds them
      saves a copy of the map.

    Raises:
      UserError: as `pad`.
    """
    if padding != "zero":
        return pad(x, window, padding, name=name), ((0, 0), (0, 0))
    rows, columns = pair(window)
    return x, (margins(rows), margins(columns))


def check(x: Map, sizes: tuple[int, int], padding: Padding, name: str) -> None:
    """Raises UserError where `pad` would: see there."""
    height, width = x.shape[1:3]
    if padding == "valid" and (height < sizes[0] or width < sizes[1]):
        raise UserError(
            f"{name}: a {sizes[0]}×{sizes[1]} window does not fit a "
            f"{height}×{width} map; use fewer poolings, a smaller window, or "
            "model.padding=zero|reflect|circular"
        )
    if padding not in {"valid", *MODES}:
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


def binomial(taps: int) -> Float[np.ndarray, " taps"]:
    """Row `taps − 1` of Pascal's triangle, over its sum (arXiv:1904.11486)."""
    row = np.array([comb(taps - 1, i) for i in range(taps)], np.float32)
    return row / row.sum()


def circulant(
    response: Shaped[np.ndarray, " size"],
) -> Complex[np.ndarray, "size size"]:
    """The matrix that multiplies a signal's spectrum by a response.

    Args:
      response: by frequency, in the order of `np.fft.fftfreq`.
    """
    taps, positions = np.fft.ifft(response), np.arange(len(response))
    return taps[(positions[:, None] - positions) % len(response)]


def is_kept(size: int, stride: int, *, nyquist: bool) -> Bool[np.ndarray, " size"]:
    """Which frequencies `size`/`stride` samples can carry: |f| < n/2, n = size/stride.

    Args:
      size: N, a multiple of the stride.
      stride: s.
      nyquist: keep f = −n/2 too, but not +n/2.
    """
    half = size // stride / 2
    frequency = np.fft.fftfreq(size, 1 / size).round()
    above = frequency >= -half if nyquist else frequency > -half
    return above & (frequency < half)


def band(size: int, stride: int, *, nyquist: bool) -> Complex[np.ndarray, "size size"]:
    """The circulant matrix that keeps what `size`/`stride` samples can carry.

    Stride 1 keeps all: nothing aliases.

    Args:
      size: N, a multiple of the stride.
      stride: s.
      nyquist: as in `is_kept`; the result is then complex.
    """
    if stride == 1:
        return np.eye(size, dtype=complex)
    return circulant(is_kept(size, stride, nyquist=nyquist))


def decimate(x: Map, stride: Stride = (1, 1)) -> Map:
    """Keeps the first of every `stride` rows and columns: (H, W) → (⌈H/s⌉, ⌈W/s⌉)."""
    return x if stride == (1, 1) else x[:, :: stride[0], :: stride[1]]


def continued(x: Map, stride: Stride) -> Map:
    """Continues a map circularly, up to a multiple of the stride."""
    missing = [-size % step for size, step in zip(x.shape[1:3], stride, strict=True)]
    if missing == [0, 0]:
        return x
    return jnp.pad(x, ((0, 0), *((0, more) for more in missing), (0, 0)), mode="wrap")


def polyphase(
    x: Map, stride: Stride
) -> Float[Array, "batch phases rows columns channels"]:
    """Splits a map into its s_h·s_w decimated grids, phase (p, q) at index p·s_w + q.

    Sizes that the stride does not divide are continued circularly, so that every phase
    has ⌈H/s⌉ × ⌈W/s⌉ elements.
    """
    x = continued(x, stride)
    (rows, columns), (batch, height, width, channels) = stride, x.shape
    x = x.reshape(batch, height // rows, rows, width // columns, columns, channels)
    x = x.transpose(0, 2, 4, 1, 3, 5)
    return x.reshape(batch, rows * columns, *x.shape[3:])


def interleave(
    phases: Float[Array, "batch phases rows columns channels"], stride: Stride
) -> Map:
    """Puts s_h·s_w grids together to one map: the inverse of `polyphase`.

    Phase (p, q), at index p·s_w + q, becomes x[:, p::s_h, q::s_w].
    """
    batch, _, height, width, channels = phases.shape
    x = phases.reshape(batch, *stride, height, width, channels)
    x = x.transpose(0, 3, 1, 4, 2, 5)
    return x.reshape(batch, height * stride[0], width * stride[1], channels)


def take(
    phases: Float[Array, "batch phases rows columns channels"],
    index: Int[Array, " batch"],
) -> Map:
    """Returns phase `index[b]` of each example b."""
    return jnp.take_along_axis(phases, index[:, None, None, None, None], 1)[:, 0]


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


def fractional_shift(x: Map, offset: Float[Array, "batch 2"]) -> Map:
    """T_d for d in fractions of a pixel, one (dy, dx) per example, by the spectrum.

    For d = i/u it is ideal upsampling by u with the ±Nyquist bins weighted ½ each, a
    roll by i and decimation by u (Michaeli 2023, arXiv:2303.08085), without the large
    map: each frequency f turns by e^(−2πi·f·d/N), and the Nyquist bin becomes cos(πd)
    of itself.
    """
    spectrum = jnp.fft.rfft2(widen(x), axes=(1, 2))
    sizes = x.shape[1:3]
    frequencies = (np.fft.fftfreq(sizes[0]), np.fft.rfftfreq(sizes[1]))
    for axis, frequency in enumerate(frequencies):
        angle = 2 * jnp.pi * offset[:, axis : axis + 1] * frequency
        turn = jnp.exp(-1j * angle)
        turn = jnp.where(np.abs(frequency) == 0.5, jnp.cos(angle), turn)
        spectrum *= jnp.expand_dims(turn, (2 - axis, 3))
    return jnp.fft.irfft2(spectrum, s=sizes, axes=(1, 2)).astype(x.dtype)
