"""Losses, chosen for a network in config: `minimise(network, batch)`.

A loss gets the network rather than its outputs, since some need more of it, as the
capsule network's reconstruction does. The mean is over the examples of the batch.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from research.errors import UserError
from research.tasks.task import Batch
from research.types import Finite, Labels, Logits, NonNegative, Probability


def cross_entropy(
    network: Any, batch: Batch, *, label_smoothing: Probability = 0.0
) -> tuple[Float[Array, ""], Logits]:
    """Softmax cross-entropy in nats, the labels smoothed towards uniform.

    Args:
      network: images → logits.
      batch: `image`, (batch, H, W, C) in [0, 1], and `label`, (batch,).
      label_smoothing: ε; the target is (1−ε)·onehot + ε/classes.

    Returns:
      The mean loss and the logits.

    Raises:
      UserError: the network answers at every pixel.
    """
    logits = network(batch["image"])
    require_one_answer(logits)
    targets = optax.smooth_labels(
        jax.nn.one_hot(batch["label"], logits.shape[-1]), label_smoothing
    )
    return optax.softmax_cross_entropy(logits, targets).mean(), logits


def require_one_answer(logits: Float[Any, "batch *places classes"]) -> None:
    """Refuses what a network says of every pixel.

    Raises:
      UserError: there is not one row of logits for each image.
    """
    if logits.ndim != 2:
        raise UserError(
            "task=classification takes one answer an image, and this network's have "
            f"the shape {logits.shape[1:]}: use another task, or a model that goes "
            "down only"
        )


def margin(
    lengths: Logits,
    labels: Labels,
    *,
    upper: Finite = 0.9,
    lower: Finite = 0.1,
    absent: NonNegative = 0.5,
) -> Float[Array, " batch"]:
    """Margin loss of capsule lengths, for each example.

    Σ_k T_k·max(0, m⁺ − ‖v_k‖)² + λ·(1 − T_k)·max(0, ‖v_k‖ − m⁻)², T_k = 1 for the
    class of the label, else 0.

    Args:
      lengths: ‖v_k‖ of each class.
      labels: (batch,).
      upper: m⁺.
      lower: m⁻.
      absent: λ.

    References:
      S. Sabour, N. Frosst, G. Hinton, Dynamic Routing Between Capsules, NeurIPS 2017,
      arXiv:1710.09829, equation 4.
    """
    present = jax.nn.one_hot(labels, lengths.shape[-1])
    short = jnp.square(jax.nn.relu(upper - lengths))
    long = jnp.square(jax.nn.relu(lengths - lower))
    return jnp.sum(present * short + absent * (1 - present) * long, axis=-1)
