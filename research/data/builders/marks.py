"""Two marks a given distance apart: a task that no smaller window can solve.

A 32×32 canvas that wraps around holds two equal crosses of 3×3 pixels, `distance`
pixels apart along one axis. Is the second below the first (0) or beside it (1)? Where
the pair lies is uniform, so a window that never holds both marks sees the same in both
classes. A cross has arms of a pixel, and those that face each other are `distance` − 2
pixels apart: what a network answers from windows below `distance` − 1 pixels is chance.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from jaxtyping import UInt8

from research.data.generated import Generated, Numbered
from research.data.origin import Spec
from research.errors import UserError
from research.types import Count

SEED = 20181124
SIZES = {"train": 4_000, "test": 1_000}
SHAPE = (32, 32, 1)
CROSS = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))  # (y, x) from the centre
NOISE = 0.05  # standard deviation, of ink 1


def build(spec: Spec, *, distance: Count) -> Generated:
    """Returns the marks; no file is needed.

    Args:
      spec: names the data set.
      distance: pixels from the centre of one mark to that of the other.

    Raises:
      UserError: another shape or number of classes is asked for, or the marks touch on
        the way around.
    """
    spec.require(shape=SHAPE, classes=2)
    if not 3 <= distance < SHAPE[0] / 2:
        raise UserError(
            f"data.builder.distance={distance}: takes 3 to {SHAPE[0] // 2 - 1} pixels; "
            "on a canvas that wraps around the longer way counts, too"
        )
    overrides = f"data=marks data.builder.distance={distance}"
    return Generated(spec, overrides, SIZES, partial(draw_split, distance=distance))


def draw_split(split: str, *, distance: int) -> Numbered:
    """Yields the marks of a split."""
    for number in range(SIZES[split]):
        image = draw(split, number, distance)
        yield number, {"image": image, "label": np.int32(number % 2)}


def draw(split: str, number: int, distance: int) -> UInt8[np.ndarray, "32 32 1"]:
    """Draws an example, which depends on nothing else; its label is `number` mod 2."""
    rng = np.random.default_rng([SEED, list(SIZES).index(split), number])
    first = rng.integers(0, SHAPE[:2])
    canvas = rng.normal(0, NOISE, SHAPE[:2])
    ink = rng.uniform(0.7, 1)
    for centre in (first, first + distance * np.eye(2, dtype=int)[number % 2]):
        rows, columns = ((centre + CROSS) % SHAPE[:2]).T
        canvas[rows, columns] += ink
    return np.rint(255 * canvas.clip(0, 1)).astype(np.uint8)[..., None]
