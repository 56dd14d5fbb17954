"""Digital corruptions: contrast, elastic warps, coarse pixels and JPEG."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import numpy as np
from PIL import Image
from scipy import ndimage

from research.transforms.corruptions.corruption import WHITE, Number, Picture


def lower_contrast(image: Picture, rng: np.random.Generator, factor: Number) -> Picture:
    """Shrinks the distance of each value from the mean of its channel."""
    del rng
    mean = image.mean(axis=(0, 1), keepdims=True)
    return (image - mean) * factor + mean


def warp(
    image: Picture,
    rng: np.random.Generator,
    strength: Number,
    smoothness: Number,
    tilt: Number,
) -> Picture:
    """Moves three points at random, affinely, and then each pixel by a smooth field.

    Args:
      image: see the package.
      rng: draws both.
      strength: factor of the field, in sizes of the image.
      smoothness: σ of the Gaussian that smooths its uniform noise, in sizes.
      tilt: how far a point moves along each axis at most, in sizes.
    """
    shape = np.array(image.shape[:2])
    size = min(shape)
    centre, arm = shape // 2, size // 3
    points = centre + arm * np.array([[1, 1], [1, -1], [-1, -1]])
    moved = points + rng.uniform(-tilt * size, tilt * size, points.shape)
    # The matrix that takes moved points back to where they were.
    back = np.linalg.solve(np.column_stack([moved, np.ones(3)]), points)
    field = [
        strength * size * ndimage.gaussian_filter(one, smoothness * size, truncate=3)
        for one in rng.uniform(-1, 1, (2, *shape))
    ]
    places = np.moveaxis(np.indices(image.shape[:2]), 0, -1) @ back[:2] + back[2]
    where = np.moveaxis(places, -1, 0) + field
    made = np.empty_like(image)
    for channel in range(image.shape[2]):
        made[..., channel] = ndimage.map_coordinates(
            image[..., channel], where, order=1, mode="mirror"
        )
    return made


def pixelate(image: Picture, rng: np.random.Generator, factor: Number) -> Picture:
    """Shrinks by a factor and magnifies again, by averages over boxes."""
    del rng
    height, width = image.shape[:2]
    small = (int(width * factor), int(height * factor))

    def resize(channel: Image.Image) -> Image.Image:
        box = Image.Resampling.BOX
        return channel.resize(small, box).resize((width, height), box)

    return convert_channels(image, resize)


def compress(image: Picture, rng: np.random.Generator, quality: int) -> Picture:
    """Encodes an image as JPEG and decodes it."""
    del rng
    if image.shape[2] == 3:
        whole = Image.fromarray(quantize(image))
        return np.asarray(encode(whole, quality)) / WHITE
    return convert_channels(image, lambda channel: encode(channel, quality))


def encode(image: Image.Image, quality: int) -> Image.Image:
    """Returns what is left of an image after JPEG of a quality from 1 to 95."""
    file = BytesIO()
    image.save(file, "JPEG", quality=int(quality))
    return Image.open(file)


def convert_channels(
    image: Picture, convert: Callable[[Image.Image], Image.Image]
) -> Picture:
    """Converts each channel as a gray picture of Pillow's."""
    channels = np.moveaxis(quantize(image), -1, 0)
    made = [np.asarray(convert(Image.fromarray(one))) for one in channels]
    return np.stack(made, axis=-1) / WHITE


def quantize(image: Picture) -> np.ndarray:
    """Returns integers of 0 … 255."""
    return np.rint(image * WHITE).astype(np.uint8)
