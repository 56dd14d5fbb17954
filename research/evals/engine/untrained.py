"""A network with its parameters drawn anew: the control for what learning adds."""

from __future__ import annotations

import zlib
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array

from research.models.network import Network

STARTS = {"bias": 0.0, "mean": 0.0, "scale": 1.0, "var": 1.0}  # names of Flax


def reinitialize(network: Network, seed: int) -> Network:
    """Returns the network with its parameters drawn anew.

    Kernels are normal with variance 2/fan-in (He 2015), biases 0, scales 1, and batch
    statistics those of no batch. The fan-in is the product of all axes but the last,
    which is too much where there is a kernel for each position (locally connected
    layers, capsules). For such a network, and any with its own initialiser, evaluate
    the model without a run.

    Args:
      network: stays as it is.
      seed: of the draws.
    """
    graph, params, *rest = nnx.split(network, (nnx.Param, nnx.BatchStat), ...)
    key = jax.random.key(seed)

    def start(path: tuple[Any, ...], value: Array) -> Array:
        name = path[-1].key
        if value.ndim == 0 or name in STARTS:
            return jnp.full_like(value, STARTS.get(name, 0.0))
        place = zlib.crc32(jax.tree_util.keystr(path).encode())
        own = jax.random.fold_in(key, place)
        draw = jax.random.normal(own, value.shape, jnp.float32)
        deviation = np.sqrt(2 / max(1, prod(value.shape[:-1])))
        return (deviation * draw).astype(value.dtype)

    fresh = jax.tree_util.tree_map_with_path(start, nnx.as_pure(params))
    return nnx.merge(graph, fresh, *map(nnx.as_pure, rest))
