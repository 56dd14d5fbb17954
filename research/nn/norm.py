"""Norms besides `research.nn.layers.BatchNorm`: factories `norm(features, *, rngs)`.

Each is a stage of stride 1 as well.

Which shifts a norm commutes with: batch normalisation in inference is affine, and
`CHW2` divides by one number for each example, so both commute with fractional shifts as
well. `LayerNorm` divides each pixel by a number of its own, which is no polynomial of
the map: it commutes with whole pixels alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from research.nn.epsilon import epsilon as least
from research.nn.layers import Undecayed
from research.nn.signal import widen
from research.types import Positive, Stride

Norm = Callable[..., Any]  # norm(features, *, rngs)
Values = Float[Array, "batch *places channels"]


class LayerNorm(nnx.LayerNorm):
    """Layer normalisation over the channels of each position (ε = 10⁻⁶), as a stage."""

    stride: Stride = (1, 1)

    def __init__(self, features: int, *, rngs: nnx.Rngs):
        super().__init__(features, epsilon=1e-6, rngs=rngs)


class CHW2(nnx.Module):
    """Less the mean of each position, over the deviation of the whole example.

    y = γ_c·(x − m)/√(v + ε) + β_c: m the mean over the channels of a position, v the
    mean of (x − m)² over all positions and channels of the example. Statistics are in
    float32; the result has the dtype of the input. (B, …, C) → (B, …, C).

    Args:
      features: C.
      epsilon: ε, or what float16 takes (`research.nn.epsilon`).
      rngs: unused.

    References:
      H. Michaeli, T. Michaeli, D. Soudry, Alias-Free Convnets, CVPR 2023,
      arXiv:2303.08085 (code: `LayerNorm`, `CHW2`).
    """

    stride: Stride = (1, 1)

    def __init__(self, features: int, *, epsilon: Positive = 1e-6, rngs: nnx.Rngs):
        del rngs
        self.epsilon = epsilon
        self.scale = Undecayed(jnp.ones(features))
        self.bias = Undecayed(jnp.zeros(features))

    def __call__(self, x: Values) -> Values:
        """Returns the normalised values."""
        wide = widen(x)
        centred = wide - wide.mean(-1, keepdims=True)
        axes = tuple(range(1, x.ndim))
        variance = jnp.square(centred).mean(axes, keepdims=True)
        y = centred * jax.lax.rsqrt(variance + least(self.epsilon, x.dtype))
        return (y * self.scale[...] + self.bias[...]).astype(x.dtype)
