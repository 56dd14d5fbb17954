"""Depthwise convolution: each channel has a window of its own."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx

from research.nn.layers import Initializer, he_normal
from research.nn.signal import pad_for_convolution
from research.types import Map, Padding, Stride


class Depthwise(nnx.Module):
    """A dense part: k×k convolution of each channel by itself, with a bias.

    (B, H, W, C) → (B, ⌈H/s⌉, ⌈W/s⌉, C), or ⌊(H−k)/s⌋+1 rows under `valid`. Its
    multiply-adds are k² a value.

    Args:
      features: C.
      window: k.
      padding: `valid`, `zero`, `reflect` or `circular`.
      init: initialiser of the kernel.
      rngs: draws the kernel.
    """

    stride: Stride = (1, 1)

    def __init__(
        self,
        features: int,
        window: int = 7,
        *,
        padding: Padding = "zero",
        init: Initializer = he_normal,
        rngs: nnx.Rngs,
    ):
        self.window = window
        self.padding = padding
        self.kernel = nnx.Param(init(rngs.params(), (window, window, 1, features)))
        self.bias = nnx.Param(jnp.zeros(features))

    def __call__(self, x: Map, stride: Stride = (1, 1)) -> Map:
        """Returns the convolution at the kept positions."""
        kernel = self.kernel[...]
        x = x.astype(kernel.dtype)
        x, edges = pad_for_convolution(x, self.window, self.padding, name="depthwise")
        y = jax.lax.conv_general_dilated(
            x,
            kernel,
            window_strides=stride,
            padding=edges,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=x.shape[-1],
        )
        return y + self.bias[...]
