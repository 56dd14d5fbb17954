"""Nearest: each value fills its cell."""

from __future__ import annotations

import jax.numpy as jnp

from research.downsample.trace import Trace
from research.downsample.upsample import Upsample
from research.nn.signal import interleave
from research.types import Map


class Nearest(Upsample):
    """y[u] = x[⌊u/s⌋]: zeros between values, then a box of s taps. Free.

    U T_1 = T_s U: behind a sampler with a fixed phase it commutes with shifts by
    multiples of the stride only.
    """

    def expand(self, x: Map, trace: Trace) -> Map:
        """Returns each value s_h × s_w times."""
        del trace
        batch, height, width, channels = x.shape
        count = self.stride[0] * self.stride[1]
        shape = (batch, count, height, width, channels)
        return interleave(jnp.broadcast_to(x[:, None], shape), self.stride)
