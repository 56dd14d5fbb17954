"""Reduce: a dense (stride-1) summary of each k×k neighbourhood.

Every reduce is a dense part `reduce(x, stride=(1, 1))`. Windows pad ⌊(k−1)/2⌋ left/top and
⌈(k−1)/2⌉ right/bottom, so that the map keeps its size, except under `valid`.
"""

from __future__ import annotations

from functools import reduce as fold

import jax
import jax.numpy as jnp
from flax import nnx

from research.layers import Conv
from research.signal import pad, slide
from research.types import Map, Padding, Stride


class Window(nnx.Module):
    """What the window reduces share: the window k, and how the border is padded."""

    fill = 0.0  # what `zero` padding means for this reduce

    def __init__(
        self,
        features: int,
        stride: Stride,
        *,
        window: int = 2,
        padding: Padding = "valid",
        rngs: nnx.Rngs,
    ):
        del features, stride, rngs
        self.window = window
        self.padding = padding

    def padded(self, x: Map) -> Map:
        """Pads so that a window at every position keeps the size."""
        name = f"reduce {type(self).__name__.lower()}"
        return pad(x, self.window, self.padding, fill=self.fill, name=name)


class Max(Window):
    """The largest value of each window and channel.

    (B, H, W, C) → (B, H, W, C) or, under `valid`, (B, H−k+1, W−k+1, C). `zero` padding
    means −∞. Two passes of elementwise maxima: 2(k−1) comparisons a value.
    """

    fill = -jnp.inf

    def __call__(self, x: Map, stride: Stride = (1, 1)) -> Map:
        """Returns the window maxima, at the kept positions."""
        x = self.padded(x)
        for axis in (1, 2):
            x = fold(jnp.maximum, slide(x, self.window, stride[axis - 1], axis))
        return x


class Average(Window):
    """The mean of each window and channel; `zero` padding counts as values of 0.

    (B, H, W, C) → (B, H, W, C) or, under `valid`, (B, H−k+1, W−k+1, C).
    """

    def __call__(self, x: Map, stride: Stride = (1, 1)) -> Map:
        """Returns the window means, at the kept positions."""
        x = self.padded(x)
        for axis in (1, 2):
            x = sum(slide(x, self.window, stride[axis - 1], axis)) / self.window
        return jnp.asarray(x)


class Convolution(nnx.Module):
    """A learned k×k convolution C → C with its activation, in place of pooling.

    With (none, first) this is the strided convolution that replaces pooling in the
    All-CNN; it adds k²·C² + C parameters.

    Args:
      features: channels C.
      stride: unused: sampling is the sampler's.
      window: k, 3 in the publication.
      padding: border mode of the convolution.
      rngs: initialises the kernel (He normal).

    References:
      J. T. Springenberg et al., Striving for Simplicity, ICLR workshop 2015,
      arXiv:1412.6806.
    """

    def __init__(
        self,
        features: int,
        stride: Stride,
        *,
        window: int = 3,
        padding: Padding = "valid",
        rngs: nnx.Rngs,
    ):
        del stride
        self.conv = Conv(features, features, window, padding=padding, rngs=rngs)

    def __call__(self, x: Map, stride: Stride = (1, 1)) -> Map:
        """Returns relu(conv(x)), at the kept positions."""
        return jax.nn.relu(self.conv(x, stride))
