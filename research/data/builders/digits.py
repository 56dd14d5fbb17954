"""1,797 real handwritten digits that come with scikit-learn: no download.

8×8 counts of ink in 0…16 from the test part of the UCI "Optical Recognition of
Handwritten Digits" (Alpaydin & Kaynak 1998, doi:10.24432/C50P49), here 16×16 on an
empty 28×28 canvas: what is made for MNIST fits, and a digit has room to move.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int, UInt8
from PIL import Image

from research.data.generated import Generated, Numbered
from research.data.origin import Spec

EVERY = 5  # of the digits ordered by class, every fifth is a test image
SIZES = {"train": 1437, "test": 360}
SHAPE = (28, 28, 1)
CLASSES = 10
LEVELS = 16  # the largest value of the source
INK = 16  # rows and columns of an enlarged digit


def from_sklearn(spec: Spec) -> Generated:
    """Returns the digits; no file is needed.

    Raises:
      UserError: another shape or number of classes is asked for.
    """
    spec.require(shape=SHAPE, classes=CLASSES)
    return Generated(spec, "data=digits", SIZES, draw_split)


def draw_split(split: str) -> Numbered:
    """Yields the digits of a split, under their numbers in scikit-learn's order."""
    from sklearn.datasets import load_digits  # takes a second to import

    source = load_digits()
    images = enlarge(source.images, SHAPE[:2])
    order = np.argsort(source.target, kind="stable")
    parts = {"test": order[::EVERY], "train": np.delete(order, np.s_[::EVERY])}
    for number in parts[split].tolist():
        label = np.int32(source.target[number])
        yield number, {"image": images[number], "label": label}


def enlarge(
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
