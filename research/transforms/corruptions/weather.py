"""Corruptions by weather: snow, frost, fog and the brightness of the day."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from research.transforms.corruptions.blur import magnify, trail
from research.transforms.corruptions.corruption import Number, Picture

Heights = Float[np.ndarray, "height width"]
ICE = (0.78, 0.88, 0.97)  # red, green, blue of frost: a pale blue


def add_snow(
    image: Picture,
    rng: np.random.Generator,
    mean: Number,
    deviation: Number,
    size: Number,
    threshold: Number,
    radius: int,
    blur: Number,
    kept: Number,
) -> Picture:
    """Whitens an image and lets flakes fall, two layers of them, turned by 180°.

    Args:
      image: see the package.
      rng: draws the flakes.
      mean: of the normal noise that they are made of.
      deviation: its standard deviation.
      size: by which it is magnified.
      threshold: below which there is no flake.
      radius: of the flakes' trail, pixels; see `blur.trail`.
      blur: σ along it, pixels.
      kept: share of the image that is not whitened.
    """
    noise = rng.normal(mean, deviation, image.shape[:2])
    flakes = magnify(noise[..., None], size)
    flakes = np.clip(np.where(flakes < threshold, 0, flakes), 0, 1)
    flakes = trail(flakes, radius, blur, rng.uniform(-135, -45))
    gray = measure_luma(image)
    white = np.maximum(image, 1.5 * gray + 0.5)
    return kept * image + (1 - kept) * white + flakes + np.rot90(flakes, 2)


def add_frost(
    image: Picture, rng: np.random.Generator, kept: Number, share: Number
) -> Picture:
    """Lays a picture of ice over an image: `kept`·image + `share`·ice.

    The published sets take crops of six photographs. Here ice is drawn: the ridges of a
    fractal, since the photographs' licences are not known.
    """
    height, width = image.shape[:2]
    ridges = 1 - np.abs(2 * draw_plasma(rng, height, width, 1.6) - 1)
    tint = np.array(ICE) if image.shape[2] == 3 else np.mean(ICE)
    return kept * image + share * (ridges**2)[..., None] * tint


def add_fog(
    image: Picture, rng: np.random.Generator, density: Number, decay: Number
) -> Picture:
    """Adds `density` times a fractal, and scales so that the maximum stays.

    Args:
      image: see the package.
      rng: draws the fractal.
      density: of the fog.
      decay: see `draw_plasma`.
    """
    height, width = image.shape[:2]
    fog = draw_plasma(rng, height, width, decay)[..., None]
    largest = image.max()
    return (image + density * fog) * largest / (largest + density)


def brighten_value(image: Picture, rng: np.random.Generator, amount: Number) -> Picture:
    """Adds to the value of HSV (the largest channel); hue and saturation stay."""
    del rng
    value = image.max(axis=2, keepdims=True)
    raised = np.minimum(value + amount, 1)
    scale = np.divide(raised, value, out=np.zeros_like(value), where=value > 0)
    return np.where(value > 0, image * scale, raised)


def measure_luma(image: Picture) -> Float[np.ndarray, "height width 1"]:
    """Returns (H, W, 1): Rec. 601 luma of three channels, or the mean of others."""
    if image.shape[2] == 3:
        return image @ np.array([[0.299], [0.587], [0.114]])
    return image.mean(axis=2, keepdims=True)


def draw_plasma(
    rng: np.random.Generator, height: int, width: int, decay: Number
) -> Heights:
    """Draws a fractal by the diamond-square algorithm on a torus.

    Args:
      rng: of its noise.
      height: of what is cut out of it.
      width: likewise.
      decay: noise of a level is so much weaker, squared, than that of the coarser one:
        the published code applies its factor twice.

    Returns:
      Heights in [0, 1], the whole torus taking both.
    """
    size = 1 << (max(height, width) - 1).bit_length()
    heights = np.zeros((size, size))
    step, amplitude = size, 1.0
    while step > 1:
        half = step // 2
        corners = heights[::step, ::step]
        pairs = corners + np.roll(corners, -1, axis=0)
        centres = (pairs + np.roll(pairs, -1, axis=1)) / 4
        centres = centres + amplitude * rng.uniform(-1, 1, centres.shape)
        heights[half::step, half::step] = centres
        for axis in (0, 1):  # the middles of the edges, between corners along an axis
            along = corners + np.roll(corners, -1, axis=axis)
            across = centres + np.roll(centres, 1, axis=1 - axis)
            noise = amplitude * rng.uniform(-1, 1, corners.shape)
            where = (slice(half, None, step), slice(None, None, step))
            heights[where if axis == 0 else where[::-1]] = (along + across) / 4 + noise
        step, amplitude = half, amplitude / decay**2
    heights -= heights.min()
    return (heights / heights.max())[:height, :width]
