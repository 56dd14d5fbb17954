"""Corruptions by noise: Gaussian, Poisson, and salt and pepper."""

from __future__ import annotations

import numpy as np

from research.transforms.corruptions.corruption import Picture
from research.types import Fraction, NonNegative, Positive


def add_gaussian_noise(
    image: Picture, rng: np.random.Generator, deviation: NonNegative
) -> Picture:
    """Adds normal noise of a standard deviation, in units of [0, 1], to each value."""
    return image + rng.normal(scale=deviation, size=image.shape)


def add_shot_noise(
    image: Picture, rng: np.random.Generator, photons: Positive
) -> Picture:
    """Counts photons: Poisson noise, a value of 1 being so many on average."""
    return rng.poisson(image * photons) / photons


def add_impulse_noise(
    image: Picture, rng: np.random.Generator, share: Fraction
) -> Picture:
    """Replaces a share of all values by 0 or 1, each as likely."""
    struck = rng.random(image.shape) < share
    return np.where(struck, rng.integers(0, 2, image.shape), image)
