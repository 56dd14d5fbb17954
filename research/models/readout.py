"""Readouts: from the last map to logits."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from research.layers import Dense
from research.types import Logits, Map


def flatten(x: Map) -> Float[Array, "batch features"]:
    """Every position keeps its own weights: the readout knows where things are."""
    return x.reshape(x.shape[0], -1)


def mean(x: Map) -> Float[Array, "batch channels"]:
    """Global average pooling: invariant to circular shifts of the map."""
    return x.mean((1, 2))


def maximum(x: Map) -> Float[Array, "batch channels"]:
    """Global max pooling: invariant to circular shifts of the map."""
    return x.max((1, 2))


class Head(nnx.Module):
    """pool → hidden layer with relu (if any) → logits.

    Args:
      shape: (H, W, C) of the last map.
      classes: number of logits.
      pool: `flatten`, `mean` or `maximum`: map → vector.
      units: width of the hidden layer; None for none.
      rngs: initialises the dense layers (Glorot uniform).
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        classes: int,
        *,
        pool: Callable[[Map], Array] = flatten,
        units: int | None = None,
        rngs: nnx.Rngs,
    ):
        self.pool = pool
        last = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
        features = jax.eval_shape(pool, last).shape[-1]
        self.hidden = None if units is None else Dense(features, units, rngs=rngs)
        self.logits = Dense(units or features, classes, rngs=rngs)

    def __call__(self, x: Map) -> Logits:
        """(B, H, W, C) → (B, classes)."""
        x = self.pool(x)
        if self.hidden is not None:
            x = jax.nn.relu(self.hidden(x))
        return jnp.asarray(self.logits(x))
