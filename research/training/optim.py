"""Optimisers: one chain of Optax transformations, made from config.

clip → (coupled weight decay) → direction → (decoupled weight decay) → learning rate.
SGD with momentum, Adam and AdamW differ in the direction and in the place of the decay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Float

from research.errors import UserError
from research.nn.layers import Undecayed
from research.types import Fraction, NonNegative, Positive, Probability

Schedule = Callable[..., optax.Schedule]  # schedule(peak, steps_per_epoch, epochs)


class Scheduled(optax.GradientTransformationExtraArgs):
    """An Optax transformation that knows its learning rate.

    Attributes:
      rate: the learning rate after so many steps.
    """

    rate: optax.Schedule


def build(
    *,
    direction: Callable[[], optax.GradientTransformation],
    learning_rate: NonNegative,
    schedule: Schedule,
    weight_decay: NonNegative = 0.0,
    decoupled: bool = False,
    clip: Positive | None = None,
    steps_per_epoch: int,
    epochs: int,
) -> Scheduled:
    """Returns the chain.

    Args:
      direction: factory of the update's direction, such as `scale_by_adam`.
      learning_rate: the peak of the schedule.
      schedule: factory `schedule(learning_rate, steps_per_epoch=…, epochs=…)`.
      weight_decay: coefficient; biases, norms and `Undecayed` parameters, such as the
        embeddings of positions and classes, take none.
      decoupled: whether the decay bypasses the direction (AdamW) or is part of the
        gradient (L2, the SGD of the literature).
      clip: largest global norm of the gradient; None for no limit.
      steps_per_epoch: steps that an epoch has.
      epochs: length of the run.
    """
    decay = optax.add_decayed_weights(weight_decay, mask=decay_mask)
    parts = [direction(), decay] if decoupled else [decay, direction()]
    if clip is not None:
        parts.insert(0, optax.clip_by_global_norm(clip))
    rate = schedule(learning_rate, steps_per_epoch=steps_per_epoch, epochs=epochs)
    chain = Scheduled(*optax.chain(*parts, optax.scale_by_learning_rate(rate)))
    chain.rate = rate
    return chain


def read_rates(
    optimizer: optax.GradientTransformation, steps: int
) -> Float[np.ndarray, " steps"] | None:
    """Returns the learning rate of each step; None of an optimiser not of ours."""
    rate = getattr(optimizer, "rate", None)
    if rate is None:
        return None
    # In one program: a rate by itself would wait for the steps that are under way.
    every = jax.jit(jax.vmap(lambda step: jnp.asarray(rate(step), jnp.float32)))
    return np.asarray(every(jnp.arange(steps)))


def scale_by_adam(
    *, b1: Probability = 0.9, b2: Probability = 0.999
) -> optax.GradientTransformation:
    """Returns the direction of Adam.

    Args:
      b1: decay of the running mean of the gradient, a step.
      b2: decay of that of its square.

    References:
      D. P. Kingma, J. Ba, Adam: A Method for Stochastic Optimization, ICLR 2015,
      arXiv:1412.6980.
    """
    return optax.scale_by_adam(b1=b1, b2=b2)


def trace(
    *, decay: Probability, nesterov: bool = False
) -> optax.GradientTransformation:
    """Returns the direction of SGD with momentum.

    Args:
      decay: of the sum of the gradients, a step; 0 for none.
      nesterov: whether to look a step ahead.
    """
    return optax.trace(decay, nesterov)


def decay_mask(params: Any) -> Any:
    """Returns which parameters take weight decay: kernels.

    A kernel has two axes or more; any other parameter with that many is `Undecayed`.
    """
    return jax.tree.map(
        lambda p: not isinstance(p, Undecayed) and p.ndim > 1,
        params,
        is_leaf=lambda p: isinstance(p, nnx.Variable),
    )


def constant(peak: NonNegative, *, steps_per_epoch: int, epochs: int) -> optax.Schedule:
    """Returns a schedule that keeps its rate."""
    del steps_per_epoch, epochs
    return optax.constant_schedule(peak)


def cosine(
    peak: NonNegative, *, steps_per_epoch: int, epochs: int, warmup: NonNegative = 0
) -> optax.Schedule:
    """Returns a linear warm-up over `warmup` epochs, then half a cosine down to 0.

    Raises:
      UserError: the warm-up takes the whole run, which would never reach its peak.
    """
    rise = round(warmup * steps_per_epoch)
    if not 0 <= rise < epochs * steps_per_epoch:
        raise UserError(
            f"optim.schedule.warmup={warmup} with train.epochs={epochs}: takes 0 or "
            f"more epochs, and leaves at least one of the {epochs * steps_per_epoch} "
            "steps"
        )
    fall = max(1, epochs * steps_per_epoch - rise)
    return optax.join_schedules(
        [
            optax.linear_schedule(0.0, peak, max(1, rise)),
            optax.cosine_decay_schedule(peak, fall),
        ],
        [rise],
    )


def piecewise(
    peak: NonNegative,
    *,
    steps_per_epoch: int,
    epochs: int,
    at: Sequence[Fraction] = (0.5, 0.75),
    factor: Positive = 0.1,
) -> optax.Schedule:
    """Returns a rate that is multiplied by `factor` at fractions `at` of the run."""
    total = steps_per_epoch * epochs
    boundaries = {round(fraction * total): factor for fraction in at}
    return optax.piecewise_constant_schedule(peak, boundaries)


def triangle(
    peak: NonNegative,
    *,
    steps_per_epoch: int,
    epochs: int,
    start: NonNegative = 0.2,
    top: Fraction = 0.23,
    end: NonNegative = 0.07,
) -> optax.Schedule:
    """Returns a rate that rises along a line to its peak, and falls along another.

    Args:
      peak: the highest rate.
      steps_per_epoch: steps that an epoch has.
      epochs: length of the run.
      start: fraction of the peak at the first step.
      top: fraction of the run after which the peak is reached.
      end: fraction of the peak after the last step.

    Raises:
      UserError: the run is too short for the rate to rise and to fall.
    """
    total = steps_per_epoch * epochs
    rise = int(top * total)
    if not 0 < rise < total:
        raise UserError(
            f"optim.schedule.top={top} of {total} steps: takes a fraction that leaves "
            "at least one step before and after it; give train.epochs more"
        )
    return optax.join_schedules(
        [
            optax.linear_schedule(start * peak, peak, rise),
            optax.linear_schedule(peak, end * peak, total - rise),
        ],
        [rise],
    )
