"""Sub-pixel convolution: channels become places."""

from __future__ import annotations

from collections.abc import Callable

from flax import nnx

from research.downsample import Downsample
from research.downsample.lowpass import Identity, Lowpass
from research.downsample.trace import Trace
from research.downsample.upsample import Upsample
from research.nn.layers import Conv
from research.nn.signal import interleave, pair
from research.types import Map, Padding, Sides


class SubPixel(Upsample):
    """A k×k convolution C → s_h·s_w·C, then depth-to-space, learned.

    Phase k of the result is the k-th group of C channels. The inverse in form of
    space-to-depth. U T_1 = T_s U under circular padding. k²·s_h·s_w·C² + s_h·s_w·C
    parameters, and as many multiply-adds a value of the coarse map.

    Args:
      features: channels C.
      downsample: of the same level.
      window: k, or (k_h, k_w).
      padding: of the convolution.
      lowpass: as in `Upsample`.
      rngs: initialises the convolution (He normal).

    References:
      W. Shi et al., Real-Time Single Image and Video Super-Resolution Using an
      Efficient Sub-Pixel Convolutional Neural Network, CVPR 2016, arXiv:1609.05158.
    """

    def __init__(
        self,
        features: int,
        downsample: Downsample,
        *,
        window: Sides = 3,
        padding: Padding = "circular",
        lowpass: Callable[..., Lowpass] = Identity,
        rngs: nnx.Rngs,
    ):
        super().__init__(features, downsample, lowpass=lowpass, rngs=rngs)
        sizes = pair(window, "upsample.window")
        count = self.stride[0] * self.stride[1]
        self.conv = Conv(features, count * features, sizes, padding=padding, rngs=rngs)

    @property
    def support(self) -> tuple[int | None, int | None]:
        """The window of the convolution; see `Upsample.support`."""
        return self.conv.window

    def expand(self, x: Map, trace: Trace) -> Map:
        """Returns the groups of channels as phases."""
        del trace
        y = self.conv(x)
        groups = y.reshape(*y.shape[:3], -1, x.shape[-1])
        return interleave(groups.transpose(0, 3, 1, 2, 4), self.stride)
