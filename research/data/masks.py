"""Label maps: a class for every pixel, kept as the grey values of PNG files."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from research.data.images import (
    UNREADABLE,
    describe_fault,
    upright_size,
    without_remarks,
)
from research.errors import UserError

MASK = "mask"  # their name among the arrays of a data set
IGNORED = 255  # of pixels without a label, as in VOC
INDEXED = ("L", "P")  # modes whose bytes are labels: grey, and colours by their number

Labels = UInt8[np.ndarray, "height width"]


def read_mask(path: Path, image: Path, classes: int) -> Labels:
    """Returns the label map of an image.

    Args:
      path: of the map.
      image: that it is of.
      classes: how many there are.

    Raises:
      UserError: it is missing, is no map of bytes, has not the size of the image as it
        is seen upright, or holds a label beyond the classes.
    """
    if not path.is_file():
        raise UserError(
            f"{path} is missing: {image} has no label map; data.masks takes a folder "
            "with a PNG for every image, at the same place and of the same name"
        )
    try:
        with without_remarks(), Image.open(image) as opened:
            size = upright_size(opened)
        with without_remarks(), Image.open(path) as opened:
            mode, labels = opened.mode, np.asarray(opened)
    except UNREADABLE as error:
        raise UserError(f"{path} {describe_fault(error)}; mend it") from error
    if mode not in INDEXED:
        raise UserError(
            f"{path} is of mode {mode}, not a label map: takes PNG with 8 bits a "
            "pixel, grey or with a palette, whose values are labels"
        )
    if labels.shape != size[::-1]:
        shown = ["×".join(map(str, one)) for one in (labels.shape, size[::-1])]
        raise UserError(
            f"{path} is {shown[0]}, and {image} is {shown[1]}: takes label maps of "
            "their image's size"
        )
    if (count := count_labels(labels)) > classes:
        raise UserError(
            f"{path} has a label {count - 1}: data.mask_classes={classes} takes 0 to "
            f"{classes - 1}, and {IGNORED} of pixels without a label; raise it, or "
            "mend the map"
        )
    return labels.astype(np.uint8)


def count_labels(labels: np.ndarray) -> int:
    """Returns the least number of classes that label maps have: 1 + the largest label.

    It is 0 where no pixel has a label.
    """
    known = labels[labels != IGNORED]
    return int(known.max()) + 1 if known.size else 0


def fit_mask(content: bytes, size: tuple[int, int], *, central: float = 1.0) -> Labels:
    """Decodes a label map to (height, width), as `images.fit` does its image.

    Each pixel takes the nearest label, since there is nothing between two of them.

    Args:
      content: of a PNG file.
      size: (height, width).
      central: how much of the height and width is kept first, around the centre.

    Raises:
      OSError, SyntaxError, ValueError: the bytes are not an image, or are broken.
    """
    height, width = size
    border, kind = (1 - central) / 2, Image.Resampling.NEAREST
    with Image.open(io.BytesIO(content)) as opened:
        whole = opened.size == (width, height) and central == 1
        fitted = ImageOps.fit(opened, (width, height), kind, bleed=border)
        return np.asarray(opened if whole else fitted, np.uint8)
