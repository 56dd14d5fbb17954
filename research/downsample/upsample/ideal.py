"""Ideal upsampling: the one band-limited signal through the values."""

from __future__ import annotations

from research.downsample.trace import Trace
from research.downsample.upsample import Upsample
from research.nn.resampling import resample
from research.types import Map


class Ideal(Upsample):
    """The spectrum of the coarse map on the finer grid; circular by nature.

    Behind `downsample=ideal` it is a projection on the frequencies that the coarse grid
    carries. Two products with matrices (`research.nn.resampling`).

    References:
      H. Michaeli, T. Michaeli, D. Soudry, Alias-Free Convnets, CVPR 2023,
      arXiv:2303.08085.
    """

    @property
    def support(self) -> tuple[int | None, int | None]:
        """All of them; see `Upsample.support`."""
        return None, None

    def expand(self, x: Map, trace: Trace) -> Map:
        """Returns the interpolated map, whose every s-th value is that of `x`."""
        del trace
        rows, columns = self.stride
        return resample(x, (rows * x.shape[1], columns * x.shape[2]))
