"""Two marks a given distance apart: a task that no smaller window can solve.

A 32×32 canvas that wraps around holds two equal crosses of 3×3 pixels, `distance`
pixels apart along one axis. Is the second below the first (0) or beside it (1)? Where
the pair lies is uniform, so a window that never holds both marks sees the same in both
classes. A cross has arms of a pixel, and those that face each other are `distance` − 2
pixels apart: what a network answers from windows below `distance` − 1 pixels is chance.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from research.data.images import png
from research.errors import UserError

SEED = 20181124
SIZES = {"train": 4_000, "test": 1_000}
SHAPE = (32, 32, 1)
CROSS = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))  # (y, x) from the centre
NOISE = 0.05  # standard deviation, of ink 1


def build(
    *,
    distance: int,
    name: str,
    version: str,
    shape: tuple[int, int, int],
    classes: int,
    data_dir: Path,
    manual_dir: Path | None,
) -> Any:
    """Returns the TFDS builder of the marks; no file is needed (`manual_dir`).

    Raises:
      UserError: another shape is asked for, or the marks touch on the way around.
    """
    from research.data.records import image_builder

    if shape != SHAPE:
        raise UserError(f"data.shape={list(shape)}: marks are {list(SHAPE)}")
    if not 3 <= distance < SHAPE[0] / 2:
        raise UserError(
            f"data.builder.distance={distance}: takes 3 to {SHAPE[0] // 2 - 1} pixels; "
            "on a canvas that wraps around the longer way counts, too"
        )

    def examples(split: str) -> Iterator[tuple[int, dict[str, Any]]]:
        for index in range(SIZES[split]):
            image = draw(split, index, distance)
            yield index, {"image": png(image), "label": index % 2}

    return image_builder(
        name=name,
        version=version,
        shape=shape,
        labels=classes,
        splits=lambda _: {split: examples(split) for split in SIZES},
        data_dir=data_dir,
        description=str(__doc__),
        homepage="",
    )


def draw(split: str, index: int, distance: int) -> UInt8[np.ndarray, "32 32 1"]:
    """Draws an example, which depends on nothing else; its label is `index` mod 2."""
    rng = np.random.default_rng([SEED, list(SIZES).index(split), index])
    first = rng.integers(0, SHAPE[:2])
    canvas = rng.normal(0, NOISE, SHAPE[:2])
    ink = rng.uniform(0.7, 1)
    for centre in (first, first + distance * np.eye(2, dtype=int)[index % 2]):
        rows, columns = ((centre + CROSS) % SHAPE[:2]).T
        canvas[rows, columns] += ink
    return np.rint(255 * canvas.clip(0, 1)).astype(np.uint8)[..., None]
