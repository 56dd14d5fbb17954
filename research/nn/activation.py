"""Activations, injected into networks: factories `activation(features, *, rngs)`.

What a factory returns maps (B, H, W, C) → (B, H, W, C).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
from flax import nnx
from jaxtyping import Array

from research.types import Map

Act = Callable[[Map], Map]
Activation = Callable[..., Act]  # activation(features, *, rngs)

exact_gelu = partial(jax.nn.gelu, approximate=False)


def gelu(features: int, *, rngs: nnx.Rngs) -> Act:
    """x·Φ(x), Φ the normal distribution."""
    del features, rngs
    return exact_gelu


def linear(x: Array) -> Array:
    """No activation."""
    return x


def activate_within(act: Act, before: Act, after: Act, x: Map) -> Map:
    """Returns `after(act(before(x)))`.

    Args:
      act: an activation.
      before: a linear map of the channels of each position.
      after: likewise.
      x: (B, H, W, C).
    """
    return after(act(before(x)))
