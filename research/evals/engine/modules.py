"""Modules in inference mode, taken apart, and the one jitted call that applies them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int

from research.distributed import devices
from research.models.level import stage_maps
from research.nn.signal import fractional_shift, shift
from research.types import Map

Module = TypeVar("Module", bound=nnx.Module)


def in_inference(module: Module) -> Module:
    """Returns a copy in inference mode, which shares the arrays of the module."""
    copy = nnx.merge(*nnx.split(module))
    copy.eval()
    return copy


def take_apart(module: Callable[..., Any], mesh: Mesh) -> tuple[nnx.GraphDef, Any]:
    """Returns the graph of a module, and its state on every device of a mesh."""
    graph, state = nnx.split(module)
    return graph, devices.replicate(nnx.as_pure(state), mesh)


@partial(jax.jit, static_argnums=0)
def apply(
    graph: nnx.GraphDef,
    state: Any,
    x: Float[Array, "batch ..."],
    rolls: Int[Array, "rolls 2"] | Float[Array, "rolls 2"] | None = None,
) -> Any:
    """Applies a module that was taken apart; equal modules share its compilation.

    Args:
      graph: of the module.
      state: of the module.
      x: its input.
      rolls: (dy, dx) in positions, or in fractions of them: it is applied to all these
        rolls of every map x, so that there are batch · rolls results, those of one map
        in a row. None: to x.
    """
    if rolls is not None:
        batch, count = x.shape[0], rolls.shape[0]
        whole = jnp.issubdtype(rolls.dtype, jnp.integer)
        move = shift if whole else fractional_shift
        x = move(jnp.repeat(x, count, 0), jnp.tile(rolls, (batch, 1)))
    return nnx.merge(graph, state)(x)


def apply_exactly(module: Callable[..., Any], x: np.ndarray) -> np.ndarray:
    """Applies a module on a CPU, wherever it lies: what a value depends on shows.

    Kernels of accelerators compute a convolution of a whole tile at once, by other sums
    than its own (Winograd 1980; by Fourier transforms): a large value then leaves
    rounding in results that it is no part of.

    Args:
      module: stays where it is.
      x: its input.
    """
    graph, state = nnx.split(module)
    cpu = devices.find_cpu()
    if cpu is not None:
        state, x = jax.device_put((state, x), cpu)
    return np.asarray(apply(graph, state, x))


@partial(jax.jit, static_argnums=0)
def apply_inside(graph: nnx.GraphDef, state: Any, x: Map) -> list[Map]:
    """Returns the map of a stage that was taken apart, or every map of a level."""
    return stage_maps(nnx.merge(graph, state), x)
