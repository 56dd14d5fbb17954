"""Depthwise convolution: each channel has a window of its own."""

from __future__ import annotations

import jax.numpy as jnp
from flax import nnx
from jax import lax
from jaxtyping import Array, Float

from research.nn.layers import Initializer, he_normal
from research.nn.signal import pad
from research.types import Map, Padding, Stride

Kernel = Float[Array, "_rows _columns 1 _channels"]


class Depthwise(nnx.Module):
    """k×k convolution of each channel by itself, with a bias.

    (B, H, W, C) → (B, H, W, C), or H−k+1 rows under `valid`. k²·C + C parameters, and
    k² multiply-adds a value.

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

    def __call__(self, x: Map) -> Map:
        """Returns the convolution."""
        kernel = self.kernel[...]
        x = x.astype(kernel.dtype)
        x = pad(x, self.window, self.padding, name="depthwise")
        y = lax.platform_dependent(x, kernel, cpu=add_slices, default=convolve)
        return y + self.bias[...]


def convolve(x: Map, kernel: Kernel) -> Map:
    """Correlates each channel with its window, as one grouped convolution."""
    return lax.conv_general_dilated(
        x,
        kernel,
        (1, 1),
        "VALID",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=x.shape[3],
    )


def add_slices(x: Map, kernel: Kernel) -> Map:
    """The same as a sum of weighted slices.

    On a CPU it takes a ninth of the time for 3×3 windows, and a third with gradients.
    """
    rows, columns = kernel.shape[:2]
    height, width = x.shape[1] - rows + 1, x.shape[2] - columns + 1
    terms = [
        x[:, i : i + height, j : j + width] * kernel[i, j, 0]
        for i in range(rows)
        for j in range(columns)
    ]
    return sum(terms[1:], terms[0])
