"""Corruptions by blur: out of focus, through frosted glass, by motion, by zooming."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy import ndimage

from research.transforms.corruptions.corruption import Number, Picture

Kernel = Float[np.ndarray, "height width"]
REACH = 8  # pixels on each side of the middle of a disk, at least


def defocus(
    image: Picture, rng: np.random.Generator, radius: Number, softness: Number
) -> Picture:
    """Spreads each point over a disk.

    Args:
      image: see the package.
      rng: is not used.
      radius: of the disk, pixels.
      softness: σ of the Gaussian of three taps that smooths its edge, pixels.
    """
    del rng
    kernel = make_disk(radius, softness)[..., None]
    return ndimage.correlate(image, kernel, mode="mirror")


def make_disk(radius: Number, softness: Number) -> Kernel:
    """Returns a kernel of sum 1: the pixels within a radius, smoothed."""
    reach = max(REACH, int(np.ceil(radius)))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disk = (x**2 + y**2 <= radius**2).astype(np.float64)
    taps = np.exp(-(np.array([-1.0, 0.0, 1.0]) ** 2) / (2 * softness**2))
    for axis in (0, 1):
        disk = ndimage.correlate1d(disk, taps, axis=axis, mode="constant")
    return disk / disk.sum()


def see_through_glass(
    image: Picture, rng: np.random.Generator, blur: Number, reach: int, rounds: int
) -> Picture:
    """Blurs, exchanges each pixel with a near one, and blurs again.

    Pixels are exchanged. The published loop assigns between views of one array, so it
    overwrites one of the two with the other instead.

    Args:
      image: see the package.
      rng: chooses the partners.
      blur: σ, pixels.
      reach: how far a partner lies, −reach … reach − 1 along each axis.
      rounds: how often all pixels are visited, from the last to the first.
    """
    height, width = image.shape[:2]
    places = np.arange(height * width).reshape(height, width)
    for _ in range(rounds):
        moves = iter(rng.integers(-reach, reach, (height * width, 2)).tolist())
        for y in range(height - reach - 1, reach - 1, -1):
            for x in range(width - reach - 1, reach - 1, -1):
                dy, dx = next(moves)
                here, there = places[y, x], places[y + dy, x + dx]
                places[y, x], places[y + dy, x + dx] = there, here
    mixed = smooth(image, blur).reshape(height * width, -1)[places]
    return smooth(mixed, blur)


def blur_by_motion(
    image: Picture,
    rng: np.random.Generator,
    radius: int,
    deviation: Number,
    turn: Number = 0,
) -> Picture:
    """Leaves a trail behind each point, in a direction within 45° of the horizontal.

    Args:
      image: see the package.
      rng: draws the direction.
      radius: of the trail, pixels; see `trail`.
      deviation: σ along it, pixels.
      turn: degrees, counter-clockwise, from the direction drawn.
    """
    return trail(image, radius, deviation, rng.uniform(-45, 45) + turn)


def trail(image: Picture, radius: int, deviation: Number, degrees: Number) -> Picture:
    """Averages over a one-sided trail of 2·radius + 1 pixels.

    Args:
      image: see the package.
      radius: pixels.
      deviation: σ of the half Gaussian by which weights fall along the trail, pixels.
      degrees: its direction, counter-clockwise from the positive x axis.
    """
    steps = np.arange(2 * radius + 1)
    weights = np.exp(-(steps**2) / (2 * deviation**2))
    angle = np.deg2rad(degrees)
    offsets = np.rint(np.outer(steps, [-np.sin(angle), np.cos(angle)])).astype(int)
    reach = np.abs(offsets).max()
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    np.add.at(kernel, tuple((offsets + reach).T), weights / weights.sum())
    return ndimage.correlate(image, kernel[..., None], mode="nearest")


def blur_by_zoom(
    image: Picture, rng: np.random.Generator, largest: Number, step: Number
) -> Picture:
    """Averages an image and its magnifications by 1, 1 + step, … up to the largest."""
    del rng
    factors = np.arange(1, largest + step / 2, step)
    return np.mean([image, *(magnify(image, factor) for factor in factors)], axis=0)


def magnify(image: Picture, factor: Number) -> Picture:
    """Magnifies about the centre, bilinearly; the canvas keeps its size."""
    centre = (np.array(image.shape[:2]) - 1) / 2
    scale = np.array([1 / factor, 1 / factor, 1])
    offset = np.append(centre - centre / factor, 0)
    return ndimage.affine_transform(image, scale, offset, order=1, mode="nearest")


def smooth(image: Picture, deviation: Number) -> Picture:
    """Convolves with a Gaussian of σ = `deviation` pixels, cut at 4 σ."""
    sigma = (deviation, deviation, 0)
    return ndimage.gaussian_filter(image, sigma, mode="nearest", truncate=4)
