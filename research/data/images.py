"""Encoded images: PNG from an array, and an array of the wanted size from any file."""

from __future__ import annotations

import io

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

MODES = {1: "L", 3: "RGB"}  # by number of channels
STORABLE = {"JPEG", "PNG"}  # the formats that every reader of TFDS decodes
UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


def png(image: UInt8[np.ndarray, "height width channels"]) -> bytes:
    """Returns an image with 1 or 3 channels as PNG."""
    pixels = image[:, :, 0] if image.shape[2] == 1 else image
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)  # 3× faster than 6
    return buffer.getvalue()


def storable(content: bytes, shape: tuple[int | None, int | None, int]) -> bytes:
    """Returns a file's bytes if TFDS can decode them to `shape`, else a PNG of it.

    Args:
      content: of the file.
      shape: (height, width, channels); None keeps the size.

    Raises:
      OSError, SyntaxError, ValueError: the file is no image, or is broken.
    """
    height, width, channels = shape
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        sized = height is None or width is None or image.size == (width, height)
        if sized and image.format in STORABLE and image.mode == MODES[channels]:
            return content
        size = image.size[::-1] if height is None or width is None else (height, width)
    return png(fit(content, (*size, channels)))


def fit(
    content: bytes, shape: tuple[int, int, int], *, central: float = 1.0
) -> UInt8[np.ndarray, "height width channels"]:
    """Decodes an image to (height, width, channels).

    Another size is scaled (bilinear, aspect kept) until it just covers height × width,
    then cut at the centre; one channel is the luma of ITU-R 601-2.

    Args:
      content: of the file.
      shape: (height, width, channels).
      central: how much of the height and width is kept first, around the centre. Of
        ImageNet .875 is usual: 224 of 256 pixels.

    Raises:
      OSError, SyntaxError, ValueError: the bytes are no image, or a broken one.
    """
    height, width, channels = shape
    with Image.open(io.BytesIO(content)) as opened:
        image = opened.convert(MODES[channels])
    if image.size != (width, height) or central < 1:
        border = (1 - central) / 2
        kind = Image.Resampling.BILINEAR
        image = ImageOps.fit(image, (width, height), kind, bleed=border)
    return np.asarray(image, np.uint8).reshape(shape)
