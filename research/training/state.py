"""What changes from step to step of a training, and all that a checkpoint holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

Sums = dict[str, Any]  # what `initialize_sums` begins
NEVER = np.iinfo(np.int32).max  # the step of a loss that stayed finite


@jax.tree_util.register_dataclass
@dataclass
class State:
    """What changes from step to step, and all that a checkpoint holds.

    Attributes:
      params: the parameters, in float32.
      rest: batch statistics and the states of random streams.
      opt: the optimiser's.
      step: steps done.
      sums: what the running epoch has added up, see `initialize_sums`.
      average: of parameters and `rest`, where there is one.
      scale: of the loss in float16, see `research.training.scaling`; otherwise None.
    """

    params: Any  # JAX rebuilds pytrees with all sorts of leaves: no types to check
    rest: Any
    opt: Any
    step: Any
    sums: Any
    average: Any = None
    scale: Any = None


def initialize_sums(scores: Sequence[str]) -> Sums:
    """Returns the sums at the start of an epoch.

    Args:
      scores: names of the task's scores.

    Returns:
      `loss`, `examples` and, by name, `scores`; and `bad_step`, the first step whose
      loss was not finite, or its gradients in spite of the least scale.
    """
    return {
        "loss": jnp.float32(0),
        "scores": {name: jnp.float32(0) for name in scores},
        "examples": jnp.int32(0),
        "bad_step": jnp.int32(NEVER),
    }


@jax.jit
def are_finite(tree: Any) -> Array:
    """Returns whether the norm of all floating-point numbers of a tree is finite.

    Where the sum of squares overflows, so do the products in the layers.
    """
    leaves = [
        leaf
        for leaf in jax.tree.leaves(tree)
        if jnp.issubdtype(leaf.dtype, jnp.floating)
    ]
    squares = [jnp.sum(jnp.square(leaf.astype(jnp.float32))) for leaf in leaves]
    return jnp.all(jnp.isfinite(jnp.stack(squares)))
