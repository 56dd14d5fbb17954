"""Augmentation of training batches: random shifts and flips, one draw per example."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, UInt8

from research.errors import UserError
from research.nn.signal import MODES

Batch = (
    Float[Array, "batch height width channels"]
    | UInt8[Array, "batch height width channels"]
)


def augment(batch: Mapping[str, Any], key: Key[Array, ""], **settings: Any) -> Any:
    """Augments the images of a batch; see `augment_images`."""
    return {**batch, "image": augment_images(batch["image"], key, **settings)}


def augment_images(
    images: Batch,
    key: Key[Array, ""],
    *,
    shift: int = 0,
    border: Literal["circular", "zero", "reflect"] = "circular",
    flip: bool = False,
) -> Batch:
    """Moves every image by its own random offset, and mirrors every other one.

    The draw of example i depends on `key` and i alone: not on the rest of the batch,
    its size, or the devices it is spread over.

    Args:
      images: (batch, height, width, channels).
      key: of the step.
      shift: the largest offset in pixels; (dy, dx) is uniform on [−shift, shift]².
      border: what moves in: the other side (`circular`), 0 (`zero`: a crop from the
        padded image; He 2016, arXiv:1512.03385, has shift 4), or the mirrored image.
      flip: whether to mirror left and right with probability ½.

    Returns:
      As `images`.

    Raises:
      UserError: the shift is negative or the border unknown.
    """
    if shift < 0:
        raise UserError(f"augment.shift={shift}: give 0 or more pixels")
    if border not in MODES:
        raise UserError(f"augment.border={border}: give one of {', '.join(MODES)}")
    keys = jax.vmap(partial(jax.random.fold_in, key))(jnp.arange(len(images)))
    move = partial(augment_one, shift=shift, flip=flip)
    pads = ((0, 0), (shift, shift), (shift, shift), (0, 0))
    return jax.vmap(move)(jnp.pad(images, pads, MODES[border]), keys)


def augment_one(
    image: Float[Array, "rows columns channels"]
    | UInt8[Array, "rows columns channels"],
    key: Key[Array, ""],
    *,
    shift: int,
    flip: bool,
) -> Array:
    """Cuts an image from one padded by `shift` at a random place; see `augment`."""
    place, side = jax.random.split(key)
    if shift:
        height, width = image.shape[0] - 2 * shift, image.shape[1] - 2 * shift
        top, left = jax.random.randint(place, (2,), 0, 2 * shift + 1)
        image = jax.lax.dynamic_slice(
            image, (top, left, 0), (height, width, image.shape[2])
        )
    if flip:
        image = jnp.where(jax.random.bernoulli(side), image[:, ::-1], image)
    return image
