"""Images as a network takes them: scaled, cut, standardised."""

from __future__ import annotations

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from research.adapters.engine.description import Description
from research.adapters.engine.options import Interpolation

Pixels = Float[np.ndarray, "batch height width channels"]  # in [0, 1]

METHODS: dict[Interpolation, str] = {  # Pillow's names → JAX's
    "nearest": "nearest",
    "bilinear": "linear",
    "bicubic": "cubic",
    "lanczos": "lanczos3",
}


def preprocess(
    images: Pixels, description: Description
) -> Float[np.ndarray, "batch rows columns planes"]:
    """Returns images in the size, channels and units that a model takes.

    Grey images become three equal channels where it takes three.

    Args:
      images: (B, H, W, C) float32 in [0, 1].
      description: of the model.
    """
    size = description.size
    if size is not None and images.shape[1:3] != size:
        images = np.asarray(
            fit(images, size, description.crop, description.interpolation)
        )
    if images.shape[3] == 1 and description.channels not in (None, 1):
        images = images.repeat(description.channels or 1, 3)
    if description.mean == (0.0,) and description.std == (1.0,):
        return images
    mean = np.asarray(description.mean, np.float32)
    return (images - mean) / np.asarray(description.std, np.float32)


@partial(jax.jit, static_argnums=(1, 2, 3))
def fit(
    images: Float[np.ndarray | Array, "batch height width channels"],
    size: tuple[int, int],
    crop: float,
    interpolation: Interpolation,
) -> Float[Array, "batch rows columns channels"]:
    """Scales images and cuts the centre out, as networks for ImageNet are evaluated.

    The scale is the least at which the centre of `size` is `crop` of each side or less;
    the sides are rounded down as timm does it.

    Args:
      images: (B, H, W, C) in [0, 1].
      size: (height, width) of the result.
      crop: in (0, 1].
      interpolation: antialiased where it makes images smaller.

    Returns:
      (B, height, width, C) in [0, 1]: cubic interpolation leaves it, and is clipped.
    """
    count, height, width, channels = images.shape
    wanted = [math.floor(side / crop) for side in size]
    scale = max(wanted[0] / height, wanted[1] / width)
    full = [
        max(least, round(side * scale))
        for least, side in zip(wanted, (height, width), strict=True)
    ]
    scaled = jax.image.resize(
        images, (count, *full, channels), METHODS[interpolation], antialias=True
    )
    top, left = ((f - s) // 2 for f, s in zip(full, size, strict=True))
    cut = scaled[:, top : top + size[0], left : left + size[1]]
    return jnp.clip(cut, 0, 1)
