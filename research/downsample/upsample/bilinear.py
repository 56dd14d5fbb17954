"""Bilinear: straight lines between the middles of the cells."""

from __future__ import annotations

from collections.abc import Callable
from math import floor

import jax.numpy as jnp
from flax import nnx

from research.downsample import Downsample
from research.downsample.lowpass import Identity, Lowpass
from research.downsample.trace import Trace
from research.downsample.upsample import Upsample
from research.nn.signal import widen
from research.types import Map, Padding


class Bilinear(Upsample):
    """Linear interpolation at half-pixel centres, separably: (1, 3, 3, 1)/4 for s = 2.

    y[u] is the line between values at the place (u + ½)/s − ½, as in PyTorch with
    `align_corners=False`. (With aligned corners no shift would commute, inside the map
    neither.) U T_1 = T_s U under circular padding. Two multiply-adds a value and axis.

    Args:
      features: channels.
      downsample: of the same level.
      padding: `circular` wraps around; any other repeats the border.
      lowpass: as in `Upsample`.
      rngs: as in `Upsample`.
    """

    def __init__(
        self,
        features: int,
        downsample: Downsample,
        *,
        padding: Padding = "circular",
        lowpass: Callable[..., Lowpass] = Identity,
        rngs: nnx.Rngs,
    ):
        super().__init__(features, downsample, lowpass=lowpass, rngs=rngs)
        self.wraps = padding == "circular"

    @property
    def support(self) -> tuple[int | None, int | None]:
        """The nearest two; see `Upsample.support`."""
        return 2, 2

    def expand(self, x: Map, trace: Trace) -> Map:
        """Returns the interpolated map."""
        del trace
        y = widen(x)
        for axis, step in zip((1, 2), self.stride, strict=True):
            y = interpolate(y, step, axis, wraps=self.wraps)
        return y.astype(x.dtype)


def interpolate(x: Map, step: int, axis: int, *, wraps: bool) -> Map:
    """Returns the lines between the values along one axis, `step` points each."""
    size = x.shape[axis]
    widths = [(0, 0)] * x.ndim
    widths[axis] = (1, 1)
    padded = jnp.pad(x, widths, mode="wrap" if wraps else "edge")
    points = []
    for point in range(step):
        place = (point + 0.5) / step - 0.5
        start = floor(place)
        share = place - start
        left, right = (
            jnp.take(padded, jnp.arange(size) + 1 + start + more, axis)
            for more in (0, 1)
        )
        points.append((1 - share) * left + share * right)
    shape = [*x.shape[:axis], step * size, *x.shape[axis + 1 :]]
    return jnp.stack(points, axis + 1).reshape(shape)
