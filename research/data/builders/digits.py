"""The embedded data set: 1,797 real handwritten digits that come with scikit-learn.

8×8 counts of ink in 0…16 from the test part of the UCI "Optical Recognition of
Handwritten Digits" (Alpaydin & Kaynak 1998, doi:10.24432/C50P49), here 16×16 on an
empty 28×28 canvas: what is made for MNIST fits, and a digit has room to move.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, UInt8
from PIL import Image

from research.data.images import png
from research.errors import UserError

EVERY = 5  # of the digits ordered by class, every fifth is a test image
SHAPE = (28, 28, 1)
LEVELS = 16  # the largest value of the source
INK = 16  # rows and columns of an enlarged digit


def from_sklearn(
    *,
    name: str,
    version: str,
    shape: tuple[int, int, int],
    classes: int,
    data_dir: Path,
    manual_dir: Path | None,
) -> Any:
    """Returns the TFDS builder of the digits; no file is needed (`manual_dir`).

    Raises:
      UserError: another shape is asked for.
    """
    from sklearn.datasets import load_digits  # these two take seconds to import

    from research.data.records import image_builder

    if shape != SHAPE:  # under one version there is one: the first would block others
        raise UserError(f"data.shape={list(shape)}: digits are {list(SHAPE)}")
    source = load_digits()
    images = draw(source.images, shape[:2])
    labels = source.target
    order = np.argsort(labels, kind="stable")
    parts = {"test": order[::EVERY], "train": np.delete(order, np.s_[::EVERY])}

    def examples(indices: np.ndarray) -> Iterator[tuple[int, dict[str, Any]]]:
        for i in map(int, indices):
            yield i, {"image": png(images[i]), "label": int(labels[i])}

    return image_builder(
        name=name,
        version=version,
        shape=shape,
        labels=classes,
        splits=lambda _: {part: examples(chosen) for part, chosen in parts.items()},
        data_dir=data_dir,
        description=str(__doc__),
        homepage="https://doi.org/10.24432/C50P49",
    )


def draw(
    ink: Int[np.ndarray, "examples 8 8"] | np.ndarray, size: tuple[int, int]
) -> UInt8[np.ndarray, "examples height width 1"]:
    """Enlarges digits to 16×16 (bilinear) and centres them on an empty canvas."""
    canvas = np.zeros((len(ink), *size, 1), np.uint8)
    top, left = (size[0] - INK) // 2, (size[1] - INK) // 2
    for picture, digit in zip(canvas, ink, strict=True):
        grey = Image.fromarray(np.rint(digit * 255 / LEVELS).astype(np.uint8))
        large = grey.resize((INK, INK), Image.Resampling.BILINEAR)
        picture[top : top + INK, left : left + INK, 0] = np.asarray(large)
    return canvas
