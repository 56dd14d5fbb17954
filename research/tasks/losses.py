"""Losses, chosen per network in config: `loss(network, images, labels)`.

A loss gets the network, not its logits, since some need more of it (the capsule
network's reconstruction). Labels are integers; the mean is over the batch.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jaxtyping import Array, Float

from research.types import Images, Labels, Logits


def check(
    loss: Callable[..., tuple[Array, Array]],
    network: nnx.Module,
    shape: tuple[int, int, int],
) -> None:
    """Traces a loss of a network on one image, computing nothing.

    Args:
      loss: `loss(network, images, labels) → (scalar, logits)`.
      network: stays as it is.
      shape: (height, width, channels) of an image.

    Raises:
      UserError: what the loss says of a network that it is not made for.
    """
    graph, state = nnx.split(network)
    image = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
    label = jax.ShapeDtypeStruct((1,), jnp.int32)
    jax.eval_shape(
        lambda state, *batch: loss(nnx.merge(graph, state), *batch),
        state,
        image,
        label,
    )


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


def margin(
    lengths: Logits,
    labels: Labels,
    *,
    upper: float = 0.9,
    lower: float = 0.1,
    absent: float = 0.5,
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
