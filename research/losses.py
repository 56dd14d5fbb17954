"""Losses: `loss(network, images, labels) → (scalar, logits)`, chosen per network in config.

A loss gets the network, not its logits, since some need more of it (the capsule network's
reconstruction). Labels are integers; the mean is over the batch.
"""

from __future__ import annotations

import jax
import optax
from flax import nnx
from jaxtyping import Array, Float

from research.types import Images, Labels, Logits


def cross_entropy(
    network: nnx.Module,
    images: Images,
    labels: Labels,
    *,
    label_smoothing: float = 0.0,
) -> tuple[Float[Array, ""], Logits]:
    """Softmax cross-entropy in nats, the labels smoothed towards uniform.

    Args:
      network: images → logits.
      images: (batch, H, W, C) in [0, 1].
      labels: (batch,).
      label_smoothing: ε; the target is (1−ε)·onehot + ε/classes.

    Returns:
      The mean loss and the logits.
    """
    logits = network(images)
    targets = optax.smooth_labels(
        jax.nn.one_hot(labels, logits.shape[-1]), label_smoothing
    )
    return optax.softmax_cross_entropy(logits, targets).mean(), logits
