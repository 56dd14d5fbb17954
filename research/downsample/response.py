"""A downsampler's outputs of an image and of its shift by one pixel."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from research.nn.signal import shift
from research.types import Map

Plane = Float[np.ndarray, "rows columns channels"]


class Response(NamedTuple):
    """The outputs of one image.

    Attributes:
      output: of the image.
      shifted: of the image after a circular shift by one pixel to the right.
      difference: `shifted` minus `output` rolled by 0 or 1 column, whichever is nearer;
        0 where the output follows the shift.
    """

    output: Plane
    shifted: Plane
    difference: Plane


def shift_response(
    downsample: Callable[[Map], Map], image: Float[Array, "height width channels"]
) -> Response:
    """Returns a downsampler's outputs of an image and of its shift, and the difference.

    Args:
      downsample: in evaluation mode.
      image: in [0, 1].
    """
    batch = jnp.asarray(image)[None]
    output, shifted = downsample(batch), downsample(shift(batch, (0, 1)))
    rolls = [shifted - shift(output, (0, columns)) for columns in (0, 1)]
    difference = min(rolls, key=lambda one: float(jnp.linalg.norm(one)))
    return Response(*(np.asarray(one[0]) for one in (output, shifted, difference)))
