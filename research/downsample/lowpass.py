"""Lowpass: a dense filter that removes what the coarser grid cannot carry.

Every lowpass is a dense part `lowpass(x, stride=(1, 1))` with `adapt(x)`, which returns the
filter that `x` calls for: itself, unless the filter depends on the map. A companion map (a
residual shortcut) goes through the filter adapted to the main map.
"""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
from flax import nnx

from research.signal import binomial, decimate, pad, slide
from research.types import Map, Padding, Stride


class Lowpass(nnx.Module):
    """A filter that is the same for every map."""

    def adapt(self, x: Map) -> Callable[..., Map]:
        """Returns the dense filter for `x` and its companions."""
        del x
        return self


class Identity(Lowpass):
    """x: no reduce, or no lowpass."""

    def __init__(self, features: int, stride: Stride, *, rngs: nnx.Rngs):
        del features, stride, rngs

    def __call__(self, x: Map, stride: Stride = (1, 1)) -> Map:
        """Returns the map, at the kept positions."""
        return decimate(x, stride)


class Binomial(Lowpass):
    """Depthwise blur by outer(a, a)/Σ, a = row k−1 of Pascal's triangle.

    (B, H, W, C) → (B, H, W, C), padded by ⌊(k−1)/2⌋ left/top and ⌈(k−1)/2⌉ right/bottom, so
    that an even k keeps an even grid from drifting. Two passes of shifted adds, which beat a
    depthwise convolution on CPU: 2k multiply-adds a value.

    Args:
      features: channels (unused: the filter is the same for each).
      stride: unused.
      taps: k = 1…7; 2 is the triangle of average pooling, 3 the usual choice.
      padding: `reflect` in the publication; `circular` for exact equivariance.
      rngs: unused.

    References:
      R. Zhang, Making Convolutional Networks Shift-Invariant Again, ICML 2019,
      arXiv:1904.11486.
    """

    def __init__(
        self,
        features: int,
        stride: Stride,
        *,
        taps: int = 3,
        padding: Padding = "reflect",
        rngs: nnx.Rngs,
    ):
        del features, stride, rngs
        self.taps = taps
        self.padding = padding

    def __call__(self, x: Map, stride: Stride = (1, 1)) -> Map:
        """Returns the blurred map, at the kept positions."""
        x = pad(x, self.taps, self.padding, name="lowpass binomial")
        row = binomial(self.taps).astype(x.dtype)
        for axis in (1, 2):
            x = sum(
                weight * part
                for weight, part in zip(
                    row, slide(x, self.taps, stride[axis - 1], axis), strict=True
                )
            )
        return jnp.asarray(x)
