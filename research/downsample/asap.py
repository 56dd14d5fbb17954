"""Aliasing and spectral artifact-free pooling (ASAP): a windowed ideal lowpass."""

from __future__ import annotations

from typing import Literal

import numpy as np
from flax import nnx
from jaxtyping import Complex

from research.downsample.lowpass import Spectral
from research.errors import UserError
from research.nn.signal import circulant, is_kept
from research.types import Map, Stride


class Asap(Spectral):
    """`Ideal`, its spectrum tapered by the root of a Hamming window.

    A(f) = √(h(f_y)·h(f_x)), h(f) = .54 + .46·cos(2πf/N), for the frequencies |f| < n/2
    of either axis, n = N/s; all others are 0. A rectangle in the spectrum rings beside
    edges; tapered to ≈ .73 an axis at stride 2, it rings less. The gain of a constant
    is 1 and A(f) = A(−f), whatever the size: any multiple of the stride, square or not.
    Linear and circular, it commutes with multiples of the stride; band-limited, with
    fractional shifts as well, and under a mean over the map it is invariant. An axis of
    stride 1 passes whole. No parameters, the cost of `Ideal`. Take it where the ringing
    of `Ideal` shows, and pay with a softer map.

    The published code differs, and `compat="published"` reproduces it (without its
    default of a transposed map): its window is symmetric about a point between two
    frequencies, so constants lose h (.954 of them are left at N = 8, .998 at 32) and
    A(f) ≠ A(−f), of which only the real part is kept; and its band has −n/2, not +n/2.

    Args:
      features: unused.
      stride: s, which must divide the map.
      compat: None, or `published`.
      rngs: unused.

    Raises:
      UserError: at the call, a map whose sides are no multiples of s; `published`: a
        stride other than 1 or 2, or sides that are no multiples of 4, where it makes a
        cosine of a constant.

    References:
      J. Grabinski, J. Keuper, M. Keuper, Fix your downsampling ASAP! Be natively more
      robust via Aliasing and Spectral Artifact free Pooling, 2023, arXiv:2307.09804.
    """

    def __init__(
        self,
        features: int,
        stride: Stride,
        *,
        compat: Literal["published"] | None = None,
        rngs: nnx.Rngs,
    ):
        super().__init__(features, stride, rngs=rngs)
        self.compat = compat
        if compat is not None and not set(stride) <= {1, 2}:
            raise UserError(
                f"downsample.lowpass.compat={compat}: the published code has stride 2 "
                f"alone, and downsample.stride={list(stride)}; use "
                "downsample.lowpass.compat=null"
            )

    def matrix(self, size: int, factor: int) -> Complex[np.ndarray, "size size"]:
        """Returns the circulant matrix of one axis."""
        if factor == 1:
            return np.eye(size, dtype=complex)
        f = np.fft.fftfreq(size, 1 / size).round()
        published = self.compat == "published"
        window = 0.54 + 0.46 * np.cos(2 * np.pi * f / size)
        if published:
            window = np.fft.ifftshift(np.hamming(size))
        return circulant(np.sqrt(window) * is_kept(size, factor, nyquist=published))

    def check(self, x: Map) -> None:
        """Refuses maps whose sides are no multiples of what the window needs."""
        if self.compat is None:
            return self.require_multiples(x, self.factor, "lowpass asap")
        need = [4 if s > 1 else 1 for s in self.factor]
        if x.shape[1] % need[0] or x.shape[2] % need[1]:
            raise UserError(
                f"downsample.lowpass.compat={self.compat}: the published window "
                f"destroys constants on a {x.shape[1]}×{x.shape[2]} map: it takes "
                f"multiples of {need[0]}×{need[1]}; use downsample.lowpass.compat=null"
            )
