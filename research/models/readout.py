"""Readouts: from the last map to logits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, floor

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from research.nn.layers import Conv, Dense, glorot_uniform
from research.nn.signal import at_least_one
from research.types import Count, LogitMaps, Logits, Map, Probability, Shape


def flatten(x: Map) -> Float[Array, "batch features"]:
    """Flattens: every position has weights of its own, and the readout knows places."""
    return x.reshape(x.shape[0], -1)


def mean(x: Map) -> Float[Array, "batch channels"]:
    """Global average pooling: invariant to circular shifts of the map."""
    return x.mean((1, 2))


def maximum(x: Map) -> Float[Array, "batch channels"]:
    """Global max pooling: invariant to circular shifts of the map."""
    return x.max((1, 2))


def grid(x: Map, size: Count = 7) -> Float[Array, "batch features"]:
    """Averages to size×size cells, then flattens: any map size fits one dense layer.

    Cell i covers rows ⌊iH/size⌋ … ⌈(i+1)H/size⌉ − 1, so cells overlap, or repeat, where
    `size` does not divide H: PyTorch's adaptive average pooling.
    """
    at_least_one(size, "model.head.pool.size")
    rows, columns = cell_weights(x.shape[1], size), cell_weights(x.shape[2], size)
    y = jnp.einsum("ih,bhwc,jw->bijc", rows.astype(x.dtype), x, columns.astype(x.dtype))
    return flatten(y)


def cell_weights(length: int, size: int) -> Float[np.ndarray, "{size} {length}"]:
    """Row i averages the i-th of `size` cells over `length` positions."""
    weights = np.zeros((size, length), np.float32)
    for i in range(size):
        start, stop = floor(i * length / size), ceil((i + 1) * length / size)
        weights[i, start:stop] = 1 / (stop - start)
    return weights


class Head(nnx.Module):
    """pool → hidden layers with relu (if any) → logits.

    Args:
      shape: (H, W, C) of the last map.
      classes: number of logits.
      pool: `flatten`, `mean`, `maximum` or `grid`: map → vector.
      units: width of the hidden layer, or of each of several; None for none.
      dropout: rate after each hidden layer in training.
      rngs: initialises the dense layers (Glorot uniform).

    Raises:
      UserError: a width that is no integer of at least 1.
    """

    def __init__(
        self,
        shape: Shape,
        classes: int,
        *,
        pool: Callable[[Map], Array] = flatten,
        units: Count | Sequence[Count] | None = None,
        dropout: Probability = 0.0,
        rngs: nnx.Rngs,
    ):
        self.pool = pool
        last = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
        width = jax.eval_shape(pool, last).shape[-1]
        hidden = []
        for count in hidden_widths(units):
            hidden.append(Dense(width, count, rngs=rngs))
            width = count
        self.hidden = nnx.List(hidden)
        self.dropout = nnx.Dropout(dropout, rngs=rngs) if dropout else None
        self.logits = Dense(width, classes, rngs=rngs)

    def __call__(self, x: Map) -> Logits:
        """(B, H, W, C) → (B, classes)."""
        x = self.pool(x)
        for layer in self.hidden:
            x = jax.nn.relu(layer(x))
            x = x if self.dropout is None else self.dropout(x)
        return jnp.asarray(self.logits(x))


def hidden_widths(units: int | Sequence[int] | None) -> list[int]:
    """Returns the widths of the hidden layers.

    Raises:
      UserError: one is no integer of at least 1.
    """
    if units is None:
        return []
    several = units if isinstance(units, Sequence) else [units]
    return [at_least_one(count, "model.head.units") for count in several]


class ClassMaps(nnx.Module):
    """A 1×1 convolution to one map per class, relu, averaged over the positions.

    The readout of a network without dense layers: C·K + K parameters, whatever the
    map's size, and invariant to circular shifts of it.

    Args:
      shape: (H, W, C) of the last map.
      classes: number K of logits.
      rngs: initialises the convolution (He normal).

    References:
      J. T. Springenberg et al., Striving for Simplicity, ICLR workshop 2015,
      arXiv:1412.6806, table 1.
    """

    def __init__(self, shape: Shape, classes: int, *, rngs: nnx.Rngs):
        self.conv = Conv(shape[-1], classes, 1, rngs=rngs)

    def __call__(self, x: Map) -> Logits:
        """(B, H, W, C) → (B, classes)."""
        return mean(jax.nn.relu(self.conv(x)))


class PixelClasses(nnx.Module):
    """A 1×1 convolution to the logits of each position, C·K + K parameters.

    The head of networks that go up again: it commutes with every shift.

    Args:
      shape: (H, W, C) of the last map.
      classes: number K of logits.
      rngs: initialises the convolution (Glorot uniform: no activation follows).
    """

    def __init__(self, shape: Shape, classes: int, *, rngs: nnx.Rngs):
        self.conv = Conv(shape[-1], classes, 1, init=glorot_uniform, rngs=rngs)

    def __call__(self, x: Map) -> LogitMaps:
        """(B, H, W, C) → (B, H, W, classes)."""
        return self.conv(x)


class ScoreMaps(nnx.Module):
    """The last map as it is, where it holds logits already."""

    def __init__(self, shape: Shape, *, rngs: nnx.Rngs):
        del shape, rngs

    def __call__(self, x: Map) -> LogitMaps:
        """Returns the map."""
        return x
