"""Losses over the pixels of label maps: `minimise(network, batch)`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Integer

from research.errors import UserError
from research.tasks.task import Batch
from research.types import Length, Natural, NonNegative, Positive

IGNORED = 255  # of VOC's label maps
PixelLogits = Float[Any, "batch height width classes"]
Masks = Integer[Any, "batch height width"]


def pixel_cross_entropy(
    network: Any,
    batch: Batch,
    *,
    ignore: Natural = IGNORED,
    weights: Annotated[Sequence[NonNegative], Length()] | None = None,
) -> tuple[Float[Array, ""], PixelLogits]:
    """Softmax cross-entropy in nats, the mean over the batch's pixels with a label.

    Σ w(y_u)·(−log p_u(y_u)) / Σ w(y_u): weights of classes change what a pixel counts,
    as in PyTorch.

    Args:
      network: images → logits, (batch, H, W, classes).
      batch: `image`, (batch, H, W, C) in [0, 1], and `mask`, (batch, H, W).
      ignore: the label of pixels that have none.
      weights: of each class; None: all 1.

    Returns:
      The mean loss, 0 where no pixel has a label, and the logits.

    Raises:
      UserError: there is no label for each pixel, or no weight for each class.
    """
    logits = network(batch["image"])
    known, labels = split_masks(logits, batch, ignore)
    each = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    shares = known.astype(each.dtype)
    if weights is not None:
        if len(weights) != logits.shape[-1]:
            raise UserError(
                f"loss.weights={list(weights)}: takes one number for each of "
                f"{logits.shape[-1]} classes"
            )
        shares = shares * jnp.asarray(weights, each.dtype)[labels]
    total = shares.sum()
    return (each * shares).sum() / jnp.where(total > 0, total, 1), logits


def dice(
    network: Any,
    batch: Batch,
    *,
    ignore: Natural = IGNORED,
    smooth: Positive = 1.0,
) -> tuple[Float[Array, ""], PixelLogits]:
    """1 − the mean over classes of (2·Σ p·t + s)/(Σ p + Σ t + s), over the whole batch.

    p are probabilities and t is 1 at pixels of the class; pixels without a label are
    left out of every sum. It weighs classes alike, however few pixels they have.

    Args:
      network: see `pixel_cross_entropy`, and so the others.
      batch: likewise.
      ignore: likewise.
      smooth: s.

    References:
      F. Milletari, N. Navab, S.-A. Ahmadi, V-Net, 3DV 2016, arXiv:1606.04797.
    """
    logits = network(batch["image"])
    known, labels = split_masks(logits, batch, ignore)
    shown = known[..., None].astype(logits.dtype)
    chances = jax.nn.softmax(logits) * shown
    truth = jax.nn.one_hot(labels, logits.shape[-1], dtype=logits.dtype) * shown
    both = (chances * truth).sum((0, 1, 2))
    either = chances.sum((0, 1, 2)) + truth.sum((0, 1, 2))
    return 1 - ((2 * both + smooth) / (either + smooth)).mean(), logits


def split_masks(logits: Any, batch: Batch, ignore: int) -> tuple[Array, Array]:
    """Returns which pixels have a label, and labels with 0 where there is none."""
    mask = jnp.asarray(take_masks(logits, batch), jnp.int32)
    known = mask != ignore
    return known, jnp.where(known, mask, 0)


def take_masks(logits: Any, batch: Batch) -> Masks:
    """Returns the label maps of a batch, (batch, H, W).

    Raises:
      UserError: the data have none, or the network has no answer for each pixel.
    """
    try:
        mask = batch["mask"]
    except KeyError:
        raise UserError(
            "task=segmentation learns from label maps, and the data have only "
            f"{', '.join(batch)}: use data with masks, or task=classification"
        ) from None
    if logits.ndim != 4 or logits.shape[:3] != mask.shape:
        raise UserError(
            f"task=segmentation takes an answer for each of {mask.shape[1:]} pixels, "
            f"and this network's have the shape {logits.shape[1:]}: use a model that "
            "goes up again (model=unet, fcn or segnet)"
        )
    return mask
