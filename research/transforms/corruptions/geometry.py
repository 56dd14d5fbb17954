"""Geometry of one picture: translations, rotations, tilts and scale.

Each samples the picture once, bilinearly, about its centre ((H − 1)/2, (W − 1)/2), and
takes zeros outside. The amount that changes nothing returns the picture bit by bit. An
axis of one pixel, as of a signal, has no outside: nothing moves along it.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy import ndimage

from research.transforms.corruptions.corruption import Picture
from research.types import Finite, Positive

Places = Float[np.ndarray, "height width"]


def translate(
    image: Picture, rng: np.random.Generator, down: Finite, right: Finite
) -> Picture:
    """Moves the content down and right by so many pixels."""
    del rng
    y, x = measure_from_centre(image)
    return sample(image, y - down, x - right)


def rotate(image: Picture, rng: np.random.Generator, degrees: Finite) -> Picture:
    """Rotates the content counter-clockwise on the screen."""
    del rng
    y, x = measure_from_centre(image)
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return sample(image, cos * y + sin * x, cos * x - sin * y)


def tilt(
    image: Picture,
    rng: np.random.Generator,
    degrees: Finite,
    distance: Positive = 2,
) -> Picture:
    """Turns the picture's plane about its horizontal axis, seen in perspective.

    A pinhole camera faces the centre from D = `distance`·H pixels. After a turn by φ
    the point (y, x) of the picture, measured from the centre, is at depth D + y sin φ:
    it appears at (y cos φ, x)·D / (D + y sin φ). So the pixel (v, u) of the result
    shows

        y = v / w,  x = u cos φ / w,  w = cos φ − (v/D) sin φ,

    and nothing from the horizon w = 0 on.

    Args:
      image: see the package.
      rng: is not used.
      degrees: φ; for φ > 0 the upper edge comes nearer.
      distance: of the camera, in heights of the picture.
    """
    del rng
    v, u = measure_from_centre(image)
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    depth = cos - v / (distance * image.shape[0]) * sin
    visible = depth > 0
    depth = np.where(visible, depth, 1)
    return np.where(visible[..., None], sample(image, v / depth, u * cos / depth), 0)


def scale(image: Picture, rng: np.random.Generator, factor: Positive) -> Picture:
    """Magnifies the content by a factor; the canvas keeps its size.

    Nothing is smoothed first: factors far below 1 alias.
    """
    del rng
    y, x = measure_from_centre(image)
    return sample(image, y / factor, x / factor)


def measure_from_centre(image: Picture) -> tuple[Places, Places]:
    """Returns y and x of each pixel from the centre, (H, W), pixels."""
    height, width = image.shape[:2]
    y, x = np.indices((height, width), float)
    return y - (height - 1) / 2, x - (width - 1) / 2


def sample(image: Picture, y: Places, x: Places) -> Picture:
    """Samples a picture bilinearly; outside it everything is zero.

    Args:
      image: (H, W, C).
      y: of each pixel of the result, from the centre, pixels.
      x: likewise.
    """
    height, width, channels = image.shape
    places = np.stack(
        [
            np.zeros_like(place) if length == 1 else place + (length - 1) / 2
            for place, length in ((y, height), (x, width))
        ]
    )
    made = np.empty_like(image)
    for channel in range(channels):
        made[..., channel] = ndimage.map_coordinates(
            image[..., channel], places, order=1, mode="grid-constant"
        )
    return made
