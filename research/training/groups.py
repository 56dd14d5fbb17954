"""An optimiser with groups of parameters, each with a rate of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import optax
from flax import nnx

from research.nn.layers import Early
from research.training.optim import Schedule
from research.types import NonNegative, Positive


def build(
    *,
    direction: Callable[[], optax.GradientTransformation],
    learning_rate: NonNegative,
    schedule: Schedule,
    weight_decay: NonNegative = 0.0,
    norm_factor: Positive = 1.0,
    early_epochs: NonNegative | None = None,
    steps_per_epoch: int,
    epochs: int,
) -> optax.GradientTransformation:
    """Returns decay → direction → rate for each of three groups of parameters.

    Biases of norms learn `norm_factor` times as fast; `Early` parameters only in the
    first epochs; all others throughout. The decay is a part of the gradient, and its
    product with the rate is the same in every group: all shrink alike.

    A loss that is summed over a batch of B, as published, has B times the gradient of
    the mean. SGD with momentum is linear in the gradient g and the decay w·p, so a rate
    r of the sum with decay w is a rate r·B of the mean with decay w/B: r·w, the
    product, does not change.

    Args:
      direction: factory of the update's direction, such as
        `research.training.optim.trace`.
      learning_rate: the peak of the schedule, of the mean loss.
      schedule: factory `schedule(learning_rate, steps_per_epoch=…, epochs=…)`.
      weight_decay: product of the decay's coefficient and the peak.
      norm_factor: of the rate, for the biases of norms.
      early_epochs: after which `Early` parameters stay as they are; None: never.
      steps_per_epoch: steps that an epoch has.
      epochs: length of the run.
    """
    length = {"steps_per_epoch": steps_per_epoch, "epochs": epochs}

    def chain(
        peak: float | int, until: float | int | None = None
    ) -> optax.GradientTransformation:
        rate = schedule(peak, **length)
        return optax.chain(
            optax.add_decayed_weights(weight_decay / peak if peak else 0.0),
            direction(),
            optax.scale_by_learning_rate(rate if until is None else stop(rate, until)),
        )

    last = None if early_epochs is None else early_epochs * steps_per_epoch
    groups = {
        "other": chain(learning_rate),
        "norm": chain(norm_factor * learning_rate),
        "early": chain(learning_rate, last),
    }
    return optax.partition(groups, label)


def stop(rate: optax.Schedule, steps: float | int) -> optax.Schedule:
    """Returns a schedule that is 0 once as many steps are done."""
    return lambda count: rate(count) * (count < steps)


def label(params: Any) -> Any:
    """Returns the group of each parameter: `early`, `norm` or `other`."""
    return jax.tree_util.tree_map_with_path(
        name_group, params, is_leaf=lambda p: isinstance(p, nnx.Variable)
    )


def name_group(path: Any, parameter: Any) -> str:
    """Returns the group of a parameter with this path."""
    if isinstance(parameter, Early):
        return "early"
    names = [str(getattr(key, "key", key)) for key in path]
    return "norm" if names[-2:] == ["norm", "bias"] else "other"
