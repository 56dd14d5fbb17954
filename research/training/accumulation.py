"""A step whose batch goes through the network in parts, for want of memory.

The gradients of the parts are averaged before the optimiser sees them. All parts have
equally many examples, so of a loss that is a mean over examples the step is the one of
the whole batch. Batch norm and what else looks across examples sees a part at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec
from jaxtyping import Array

from research.training.scaling import Differentiated

Batch = dict[str, Array]
# gradient(batch, rest): its `aux` is (sums of scores by name, the rest after it)
Gradient = Callable[[Batch, Any], Differentiated]


def accumulate(
    gradient: Gradient, rest: Any, batch: Batch, parts: int, *, unroll: bool
) -> Differentiated:
    """Returns loss and gradients of a batch, computed a part at a time.

    Args:
      gradient: of a part, given the batch statistics and random streams before it.
      rest: these, before the step.
      batch: arrays with one row per example, split over the mesh.
      parts: into so many; a divisor of the number of examples. 1: all at once.
      unroll: whether the parts are written out, as a CPU needs it, or in a loop.

    Returns:
      The mean loss and the mean gradients, the scores of all parts added up, the rest
      after the last. Usable if all parts are, failed if any has.
    """
    if parts == 1:
        return gradient(batch, rest)
    pieces = split_batch(batch, parts)
    first = jax.tree.map(lambda rows: rows[0], pieces)
    nothing = jax.eval_shape(gradient, first, rest)
    start = jax.tree.map(lambda one: jnp.zeros(one.shape, one.dtype), nothing)
    start = start._replace(aux=(start.aux[0], rest), usable=jnp.bool_(True))
    if start.scale is not None:
        start = start._replace(scale=start.scale.replace(scale=jnp.float32(jnp.inf)))

    def add(total: Differentiated, piece: Batch) -> tuple[Differentiated, None]:
        # Written out, the parts would otherwise lie in memory at once.
        total, piece = jax.lax.optimization_barrier((total, piece))
        found = gradient(piece, total.aux[1])
        return combine(total, found, parts), None

    total, _ = jax.lax.scan(add, start, pieces, unroll=unroll)
    return total


def combine(total: Differentiated, found: Differentiated, parts: int) -> Differentiated:
    """Returns what the parts so far come to, with one more of `parts`."""
    scale = total.scale
    if total.scale is not None and found.scale is not None:
        lower = found.scale.scale < total.scale.scale  # that of an overflow is halved
        scale = jax.tree.map(
            lambda a, b: jnp.where(lower, a, b), found.scale, total.scale
        )
    scores = jax.tree.map(jnp.add, total.aux[0], found.aux[0])
    return Differentiated(
        value=total.value + found.value / parts,
        aux=(scores, found.aux[1]),
        grads=jax.tree.map(lambda a, b: a + b / parts, total.grads, found.grads),
        scale=scale,
        usable=total.usable & found.usable,
        failed=total.failed | found.failed,
    )


def split_batch(batch: Batch, parts: int) -> Batch:
    """Returns arrays (parts, examples / parts, …); each device keeps its examples."""

    def split(rows: Array) -> Array:
        apart = rows.reshape(len(rows) // parts, parts, *rows.shape[1:])
        place = PartitionSpec(None, "data")
        return jax.lax.with_sharding_constraint(apart.swapaxes(0, 1), place)

    return jax.tree.map(split, batch)
