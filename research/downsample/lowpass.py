"""Lowpass: a dense filter that removes what the coarser grid cannot carry.

Every lowpass is a dense part `lowpass(x, stride=(1, 1))` that keeps the size (unless
padded `valid`), channels and dtype of the map: (B, H, W, C) → (B, H, W, C), or the
positions kept by the stride. Its `adapt(x, stride)` returns the filter that `x` calls
for: a companion map (a residual shortcut) goes through the filter of its main map. Sums
are in float32 at least.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import Annotated

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Complex

from research.errors import UserError, one_of
from research.nn.signal import (
    band,
    binomial,
    check,
    decimate,
    pad,
    pair,
    widen,
)
from research.nn.windows import correlate, windows
from research.types import Length, Map, OneOf, Padding, Range, Stride

Taps = Annotated[int, Range(1, 7)]

Filter = Callable[[Map], Map]


class Lowpass(nnx.Module):
    """A filter that is the same for every map; dense, and so a stage of stride 1."""

    stride: Stride = (1, 1)

    def __call__(self, x: Map, stride: Stride = (1, 1)) -> Map:
        """Returns the filtered map, at the kept positions."""
        raise NotImplementedError

    def adapt(self, x: Map, stride: Stride = (1, 1)) -> Filter:
        """Returns the filter for `x` and its companions, at the kept positions."""
        del x
        return partial(self, stride=stride)


class Identity(Lowpass):
    """x: no reduce, or no lowpass. Free."""

    repeats = False

    def __init__(self, features: int, stride: Stride, *, rngs: nnx.Rngs):
        del features, stride, rngs

    def __call__(self, x: Map, stride: Stride = (1, 1)) -> Map:
        """Returns the map, at the kept positions."""
        return decimate(x, stride)


class Binomial(Lowpass):
    """Depthwise blur by outer(a, b)/Σ, a and b rows k−1 of Pascal's triangle.

    Padded by ⌊(k−1)/2⌋ left/top and ⌈(k−1)/2⌉ right/bottom, so that an even k keeps an
    even grid from drifting. The default anti-aliasing: cheap, no parameters, any size.
    Two passes of shifted adds, 2k multiply-adds a value.

    Args:
      features: channels (unused: the filter is the same for each).
      stride: unused.
      taps: k = 1…7, or (k_h, k_w); 2 is the box of average pooling, 3 the usual choice.
      padding: `reflect` in the publication; `circular` for exact equivariance.
      rngs: unused.

    Raises:
      UserError: another number of taps.

    References:
      R. Zhang, Making Convolutional Networks Shift-Invariant Again, ICML 2019,
      arXiv:1904.11486.
    """

    def __init__(
        self,
        features: int,
        stride: Stride,
        *,
        taps: Taps | Annotated[Sequence[Taps], Length(2, 2, "height, width")] = 3,
        padding: Padding = "reflect",
        rngs: nnx.Rngs,
    ):
        del features, stride, rngs
        self.taps = pair(taps, "downsample.lowpass.taps", most=7)
        self.padding = padding

    def __call__(self, x: Map, stride: Stride = (1, 1)) -> Map:
        """Returns the blurred map, at the kept positions."""
        check(x, self.taps, self.padding, "lowpass binomial")
        y = widen(x)
        for axis, step, taps in zip((1, 2), stride, self.taps, strict=True):
            y = correlate(y, binomial(taps), step, self.padding, axis)
        return y.astype(x.dtype)


class Haar(Lowpass):
    """The LL band of a one-level Haar transform: 2×2 sums / 2, twice the average.

    With stride 2 it is the approximation that wavelet pooling keeps. The scale is that
    of the orthonormal transform, √2 an axis. An axis of stride 1 is not transformed
    where the other is: at stride (1, 2) these are sums of two columns / √2. One
    addition a value and axis.

    Args:
      features: unused.
      stride: says which axes are transformed.
      padding: of the last row and column.
      rngs: unused.

    References:
      T. Williams, R. Li, Wavelet Pooling for Convolutional Neural Networks, ICLR 2018;
      Q. Li et al., Wavelet Integrated CNNs, CVPR 2020, arXiv:2005.03337.
    """

    def __init__(
        self,
        features: int,
        stride: Stride,
        *,
        padding: Padding = "reflect",
        rngs: nnx.Rngs,
    ):
        del features, rngs
        rows, columns = (min(step, 2) for step in stride)
        self.window = (2, 2) if stride == (1, 1) else (rows, columns)
        self.padding = padding

    def __call__(self, x: Map, stride: Stride = (1, 1)) -> Map:
        """Returns the approximation, at the kept positions."""
        window = self.window
        even = all(size % k == 0 for size, k in zip(x.shape[1:3], window, strict=True))
        tiled = stride == window and even  # sees no border
        padding = "valid" if tiled else self.padding
        y = widen(pad(x, window, padding, name="lowpass haar"))
        scale = prod(window) ** 0.5
        return jnp.asarray(sum(windows(y, window, stride)) / scale, x.dtype)


class Spectral(Lowpass):
    """Base of the filters that multiply the spectrum, one response for each axis.

    It is circular by nature, and is computed as two products with N×N/s matrices.

    Args:
      features: unused.
      stride: s, which must divide the map.
      rngs: unused.
    """

    def __init__(self, features: int, stride: Stride, *, rngs: nnx.Rngs):
        del features, rngs
        self.factor = stride

    def matrix(self, size: int, factor: int) -> Complex[np.ndarray, "size size"]:
        """Returns the circulant matrix of an axis of this size and stride."""
        raise NotImplementedError

    def check(self, x: Map) -> None:
        """Raises UserError for a map that the responses are not made for."""
        raise NotImplementedError

    def __call__(self, x: Map, stride: Stride = (1, 1)) -> Map:
        """Returns the real part of the filtered map, at the kept positions."""
        self.check(x)
        sizes = zip(x.shape[1:3], self.factor, stride, strict=True)
        rows, columns = (self.matrix(n, s)[::step] for n, s, step in sizes)
        product = partial(jnp.einsum, "ih,jw,bhwc->bijc")
        y = product(rows.real, columns.real, widen(x))
        if is_complex(rows) and is_complex(columns):
            y = y - product(rows.imag, columns.imag, widen(x))
        return y.astype(x.dtype)

    def require_multiples(self, x: Map, need: Sequence[int], name: str) -> None:
        """Raises UserError unless the sides of a map are multiples of `need`."""
        if x.shape[1] % need[0] or x.shape[2] % need[1]:
            raise UserError(
                f"{name}: a {x.shape[1]}×{x.shape[2]} map is no multiple of "
                f"{need[0]}×{need[1]}; use such image sizes with "
                "model.padding=circular|zero, fewer poolings, or "
                "downsample/lowpass=binomial"
            )


def is_complex(matrix: Complex[np.ndarray, "rows columns"]) -> bool:
    """Whether the imaginary part of a circulant matrix is more than rounding."""
    return bool(np.abs(matrix.imag).max() > 1e-9)


class Ideal(Spectral):
    """Keeps the frequencies that survive decimation by the stride, and no other.

    The 2-D spectrum is multiplied by the rectangle |f| < n/2 of either axis, n = N/s
    the size of the coarse grid. So decimation aliases nothing, and everything kept
    returns exactly; it is circular by nature. Under a fixed phase this is spectral
    pooling. An axis of stride 1 passes whole. Two products with N×N/s matrices, N/s +
    N/s² multiply-adds a value of the map at s×s: on CPU about a fifth of the time of
    the Fourier transforms.

    Args:
      features: unused.
      stride: s, which must divide the map.
      nyquist: what becomes of the coarse grid's Nyquist bin, which only an even n has:
        `zero`, or `keep`: f ∈ [−n/2, n/2) on both axes and the real part of the result,
        which is FLC pooling.
      rngs: unused.

    Raises:
      UserError: another `nyquist`; at the call, a map whose sides are no multiples of s
        (`keep`: of 2s; odd n have no such band, and the published code destroys
        constants there).

    References:
      O. Rippel, J. Snoek, R. P. Adams, Spectral Representations for CNNs, NeurIPS 2015,
      arXiv:1506.03767; H. Michaeli, T. Michaeli, D. Soudry, Alias-Free Convnets, CVPR
      2023, arXiv:2303.08085; J. Grabinski et al., FrequencyLowCut Pooling, ECCV 2022,
      arXiv:2204.00491.
    """

    def __init__(
        self,
        features: int,
        stride: Stride,
        *,
        nyquist: Annotated[str, OneOf(("zero", "keep"))] = "zero",
        rngs: nnx.Rngs,
    ):
        super().__init__(features, stride, rngs=rngs)
        key = "downsample.lowpass.nyquist"
        self.keep_nyquist = one_of(("zero", "keep"), nyquist, key) == "keep"

    def matrix(self, size: int, factor: int) -> Complex[np.ndarray, "size size"]:
        """Returns the circulant matrix of one axis."""
        return band(size, factor, nyquist=self.keep_nyquist)

    def check(self, x: Map) -> None:
        """Refuses maps whose sides are no multiples of s (`keep`: of 2s)."""
        need = [s * (2 if self.keep_nyquist and s > 1 else 1) for s in self.factor]
        how = " (nyquist=keep)" if self.keep_nyquist else ""
        self.require_multiples(x, need, f"lowpass ideal{how}")
