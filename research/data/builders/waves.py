"""Periodic signals of four shapes: one-dimensional work as maps of height 1.

A signal has 64 samples, 1 × 64 × 1, and wraps around: a whole number of periods of a
sine, a square wave, a triangle or a sawtooth (class 0 to 3), with noise. Number of
periods, phase and amplitude are drawn alike for all classes, so that neither a sample
nor the place of one tells them apart, only the shape does. What a network makes of it
does not depend on where the signal begins, so each shift is one that a downsampler
should follow: of columns alone, which takes strides, windows and taps of rows 1.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8

from research.data.generated import Generated, Numbered
from research.data.origin import Spec

SEED = 20190424
SIZES = {"train": 4_000, "test": 1_000}
SHAPE = (1, 64, 1)
PERIODS = (2, 8)  # in a signal: from the first, below the second
AMPLITUDE = (0.5, 1.0)  # of a signal in [−1, 1]
NOISE = 0.1  # standard deviation, likewise


def build(spec: Spec) -> Generated:
    """Returns the signals; no file is needed.

    Args:
      spec: names the data set.

    Raises:
      UserError: another shape or number of classes is asked for.
    """
    spec.require(shape=SHAPE, classes=len(FORMS))
    return Generated(spec, "data=waves", SIZES, draw_split)


def draw_split(split: str) -> Numbered:
    """Yields the signals of a split."""
    for number in range(SIZES[split]):
        label = number % len(FORMS)
        yield number, {"image": draw(split, number), "label": np.int32(label)}


def draw(split: str, number: int) -> UInt8[np.ndarray, "1 64 1"]:
    """Draws a signal, which depends on nothing else; its label is `number` mod 4."""
    rng = np.random.default_rng([SEED, list(SIZES).index(split), number])
    periods, phase = rng.integers(*PERIODS), rng.uniform()
    turns = periods * np.arange(SHAPE[1]) / SHAPE[1] + phase
    signal = rng.uniform(*AMPLITUDE) * FORMS[number % len(FORMS)](turns % 1)
    signal += rng.normal(0, NOISE, signal.shape)
    return np.rint(255 * ((1 + signal) / 2).clip(0, 1)).astype(np.uint8)[None, :, None]


Turns = Float[np.ndarray, " samples"]  # in [0, 1), of a period


def sine(turns: Turns) -> Turns:
    """Returns a sine in [−1, 1]."""
    return np.sin(2 * np.pi * turns)


def square(turns: Turns) -> Turns:
    """Returns 1 in the first half of each period, −1 in the second."""
    return np.where(turns < 0.5, 1.0, -1.0)


def triangle(turns: Turns) -> Turns:
    """Returns −1 in the middle of each period, 1 at its ends, and lines between."""
    return 4 * np.abs(turns - 0.5) - 1


def sawtooth(turns: Turns) -> Turns:
    """Returns a line from −1 to 1 in each period."""
    return 2 * turns - 1


FORMS = (sine, square, triangle, sawtooth)
