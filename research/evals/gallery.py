"""The gallery: one image through every downsampler, and what a 1-pixel shift does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from research.data.split import Split
from research.downsample import Downsample
from research.evals.measurement import Measurement
from research.nn.signal import shift
from research.types import Map


def evaluate(
    predict: Callable[..., Any],
    split: Split,
    *,
    presets: Mapping[str, Callable[..., Downsample]],
    example: int = 0,
    seed: int = 0,
) -> Iterator[Measurement]:
    """Yields, for each downsampler, how far its output is from following a shift.

    Measure `change`: min over rolls T of the output by 0 or 1 column of
    ‖f(T₁x) − T f(x)‖ / ‖f(x)‖, with T₁ a circular shift by one pixel to the right; 0
    where the output follows. Kept beside it: the `image`, the `output` of image and of
    shifted image, and their `difference` after the best roll.

    Args:
      predict: unused: downsamplers are looked at by themselves, as initialised.
      split: of which one image is taken.
      presets: factories `preset(features, *, rngs)` by name.
      example: which image.
      seed: of learned parts.
    """
    del predict
    pixels = split.images[example : example + 1]
    image = jnp.asarray(pixels, jnp.float32) / 255
    for name, preset in presets.items():
        down = preset(image.shape[-1], rngs=nnx.Rngs(seed))
        down.eval()
        output, shifted = down(image), down(shift(image, (0, 1)))
        difference = residual(output, shifted)
        size = jnp.linalg.norm(output)
        yield Measurement(
            "gallery",
            "change",
            float(jnp.linalg.norm(difference) / size),
            1,
            params={"preset": name},
            arrays={
                "image": np.asarray(image[0]),
                "output": np.asarray(output[0]),
                "shifted": np.asarray(shifted[0]),
                "difference": np.asarray(difference[0]),
            },
        )


def residual(output: Map, shifted: Map) -> Float[Array, "_ _ _ _"]:
    """Returns `shifted` less the roll of `output` by 0 or 1 column that is nearest."""
    rolls = [shifted - shift(output, (0, columns)) for columns in (0, 1)]
    return min(rolls, key=lambda difference: float(jnp.linalg.norm(difference)))
