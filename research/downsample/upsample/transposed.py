"""Transposed convolution: the adjoint of a strided one, with weights of its own."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx

from research.downsample import Downsample
from research.downsample.lowpass import Identity, Lowpass
from research.downsample.trace import Trace
from research.downsample.upsample import Upsample, fit
from research.nn.cpu.convolution import xla_convolution
from research.nn.layers import he_normal
from research.nn.signal import pad_for_convolution, pair
from research.types import Map, Padding, Sides


class Transposed(Upsample):
    """y[u] = b + Σ_m x[m]·w[u − s·m + ⌊(k−1)/2⌋], learned.

    It is the transpose of our strided convolution with that window and padding, on the
    size before downsampling. Where s does not divide k, positions get different numbers
    of taps: the checkerboard pattern. U T_1 = T_s U under circular padding. k²·C² + C
    parameters, k²·C² multiply-adds a value of the coarse map.

    Args:
      features: channels C.
      downsample: of the same level.
      window: k, or (k_h, k_w).
      padding: of the strided convolution.
      lowpass: as in `Upsample`.
      rngs: initialises the kernel (He normal).

    References:
      A. Odena, V. Dumoulin, C. Olah, Deconvolution and Checkerboard Artifacts, Distill
      2016.
    """

    def __init__(
        self,
        features: int,
        downsample: Downsample,
        *,
        window: Sides = 2,
        padding: Padding = "circular",
        lowpass: Callable[..., Lowpass] = Identity,
        rngs: nnx.Rngs,
    ):
        super().__init__(features, downsample, lowpass=lowpass, rngs=rngs)
        self.window = pair(window, "upsample.window")
        self.padding = padding
        shape = (*self.window, features, features)  # fine, then coarse channels
        self.kernel = nnx.Param(he_normal(rngs.params(), shape))
        self.bias = nnx.Param(jnp.zeros(features))

    @property
    def support(self) -> tuple[int | None, int | None]:
        """The taps that one value gets; see `Upsample.support`."""
        rows, columns = (
            -(-k // s) for k, s in zip(self.window, self.stride, strict=True)
        )
        return rows, columns

    def expand(self, x: Map, trace: Trace) -> Map:
        """Returns the transposed convolution, of the size before downsampling."""
        kernel = self.kernel[...]
        x = x.astype(kernel.dtype)

        def convolve(fine: Map) -> Map:
            y, edges = pad_for_convolution(
                fine, self.window, self.padding, name="upsample transposed"
            )
            return xla_convolution(y, kernel, self.stride, edges)

        fine = jax.ShapeDtypeStruct((len(x), *trace.size, x.shape[-1]), x.dtype)
        height, width = jax.eval_shape(convolve, fine).shape[1:3]
        (y,) = jax.linear_transpose(convolve, fine)(fit(x, (height, width)))
        return y + self.bias[...]
