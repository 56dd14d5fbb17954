"""Gradients in float16: of a loss that is scaled, so that small ones do not become 0.

Float16 ends at 6·10⁻⁸ below and at 65,504 above, and the gradients of a trained network
lie below that more often than above. So the loss is multiplied by a large number and
its gradients divided by it, in float32. Where that overflows the number was too large:
it is halved, and the step changes nothing else. After many steps without it is doubled.

References:
  P. Micikevicius et al., Mixed Precision Training, ICLR 2018, arXiv:1710.03740.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax.training.dynamic_scale import DynamicScale
from jaxtyping import Array, Bool, Float

LEAST = 1.0  # below it gradients that overflow do so by themselves


def initialize_scale(dtype: jnp.dtype) -> DynamicScale | None:
    """Returns the scale of the loss at the first step; None where none is needed.

    Args:
      dtype: of the computation. Bfloat16 and float32 reach down to 10⁻³⁸.
    """
    if dtype != jnp.float16:
        return None
    return DynamicScale(
        scale=jnp.float32(2**16), fin_steps=jnp.int32(0), minimum_scale=LEAST
    )


class Differentiated(NamedTuple):
    """A loss and its gradients.

    Attributes:
      value: the loss, not scaled.
      aux: what came with it.
      grads: of the loss, not scaled, in float32.
      scale: of the next step.
      usable: whether the scaled gradients are finite.
      failed: whether the loss is not finite, or its gradients at the least scale.
    """

    value: Float[Array, ""]
    aux: Any
    grads: Any
    scale: DynamicScale | None
    usable: Bool[Array, ""]
    failed: Bool[Array, ""]


def differentiate(
    objective: Callable[[Any], tuple[Float[Array, ""], Any]],
    params: Any,
    scale: DynamicScale | None,
) -> Differentiated:
    """Differentiates a loss; through a scaled one if there is a scale.

    Args:
      objective: parameters → the loss, in float32, and anything else.
      params: in float32.
      scale: of this step.
    """
    if scale is None:
        gradient = jax.value_and_grad(objective, has_aux=True)
        (value, aux), grads = gradient(params)
        return Differentiated(
            value, aux, grads, None, jnp.bool_(True), ~jnp.isfinite(value)
        )
    changed, finite, (value, aux), grads = scale.value_and_grad(
        objective, has_aux=True
    )(params)
    failed = ~jnp.isfinite(value) | (~finite & (scale.scale <= LEAST))
    return Differentiated(value, aux, grads, changed, finite, failed)


def keep_if(usable: Bool[Array, ""], new: Any, old: Any) -> Any:
    """Returns a tree of arrays as it is after a step, or as it was before."""
    return jax.tree.map(partial(jnp.where, usable), new, old)
