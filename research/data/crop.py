"""Random crops of encoded images, each a function of its random generator alone."""

from __future__ import annotations

import io
from collections.abc import Sequence
from math import ceil, exp, log, sqrt
from typing import Annotated

import numpy as np
from PIL import Image, ImageOps

from research.data.arrays import Image as Pixels
from research.data.images import convert, upright_size
from research.types import Fraction, Length, Positive

ATTEMPTS = 10  # at a box that lies within the image
Box = tuple[int, int, int, int]  # left, top, right, bottom


def random_resized(
    content: bytes,
    shape: tuple[int, int, int],
    rng: np.random.Generator,
    *,
    area: Annotated[Sequence[Fraction], Length(2, 2, "least, most")] = (0.08, 1.0),
    ratio: Annotated[Sequence[Positive], Length(2, 2, "least, most")] = (3 / 4, 4 / 3),
    flip: bool = True,
    labels: bool = False,
) -> Pixels:
    """Decodes a random part of an image, scaled to one size (bilinear, antialiased).

    Args:
      content: an encoded image.
      shape: (height, width, channels) of the result; one channel: luma.
      rng: what the box and the mirroring are drawn from.
      area: bounds of the part's share of the image, which is uniform.
      ratio: bounds of its width / height, whose logarithm is uniform.
      flip: whether to mirror left and right with probability ½.
      labels: whether it is a label map, of which each pixel takes the nearest. Equal
        draws give the same part of a map as of its image.

    Raises:
      OSError, SyntaxError, ValueError: the bytes are not an image, or are broken.

    References:
      C. Szegedy et al., Going Deeper with Convolutions, CVPR 2015, arXiv:1409.4842,
      section 6.
    """
    height, width, channels = shape
    with Image.open(io.BytesIO(content)) as opened:
        full = upright_size(opened)
        box = draw_box(full, rng, area=area, ratio=ratio)
        scale = width / (box[2] - box[0]), height / (box[3] - box[1])
        wanted = ceil(full[0] * scale[0]), ceil(full[1] * scale[1])
        # JPEG can be decoded at ½, ¼ or ⅛, in as little of the time, if that suffices.
        opened.draft(None, wanted if full == opened.size else wanted[::-1])
        image = opened.copy() if labels else convert(opened, channels)
    drafted = np.multiply(box, np.tile(np.divide(image.size, full), 2)).tolist()
    kind = Image.Resampling.NEAREST if labels else Image.Resampling.BILINEAR
    part = image.resize((width, height), kind, box=drafted)
    if flip and rng.random() < 0.5:
        part = ImageOps.mirror(part)
    return np.asarray(part, np.uint8).reshape(shape)


def draw_box(
    size: tuple[int, int],
    rng: np.random.Generator,
    *,
    area: Sequence[float],
    ratio: Sequence[float],
) -> Box:
    """Draws a box within an image of `size` (width, height), in whole pixels.

    Where ten draws all lie partly outside, it is the largest box in the centre whose
    ratio is within bounds.
    """
    width, height = size
    least, most = area
    for _ in range(ATTEMPTS):
        pixels = rng.uniform(least, most) * width * height
        aspect = exp(rng.uniform(log(ratio[0]), log(ratio[1])))
        w, h = round(sqrt(pixels * aspect)), round(sqrt(pixels / aspect))
        if 0 < w <= width and 0 < h <= height:
            left, top = rng.integers((width - w + 1, height - h + 1)).tolist()
            return left, top, left + w, top + h
    w = min(width, round(height * ratio[1]))
    h = min(height, round(width / ratio[0]))
    left, top = (width - w) // 2, (height - h) // 2
    return left, top, left + w, top + h
