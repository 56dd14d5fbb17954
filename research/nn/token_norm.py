"""The norm of the alias-free transformer, whose mean is over positions."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from research.nn.epsilon import epsilon as least
from research.nn.layers import Undecayed
from research.nn.signal import widen
from research.types import Positive, Stride

Values = Float[Array, "batch *places channels"]


class TokenNorm(nnx.Module):
    """Less the mean of each channel, over the deviation of the whole example.

    y = γ_c·(x − m_c)/√(v + ε) + β_c: m_c the mean over the positions of a channel, v
    the mean of (x − m)² over all positions and channels. Both are sums over positions,
    so it commutes with every circular shift, by fractions of a pixel as well. (The
    paper takes the mean over the channels of a position, as `CHW2`; this is its code.)
    Statistics are in float32; the result has the dtype of the input. (B, …, C) → (B, …,
    C).

    Args:
      features: C.
      epsilon: ε, or what float16 takes (`research.nn.epsilon`).
      rngs: unused.

    References:
      H. Michaeli, D. Soudry, Alias-Free ViT: Fractional Shift Invariance via Linear
      Attention, NeurIPS 2025, arXiv:2510.22673 (code: `LayerNormAF`).
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
        places = tuple(range(1, x.ndim - 1))
        centred = wide - wide.mean(places, keepdims=True)
        variance = jnp.square(centred).mean((*places, -1), keepdims=True)
        y = centred * jax.lax.rsqrt(variance + least(self.epsilon, x.dtype))
        return (y * self.scale[...] + self.bias[...]).astype(x.dtype)
