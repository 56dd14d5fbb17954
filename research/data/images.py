"""Encoded images: PNG from an array, and an array of a given size from any file."""

from __future__ import annotations

import io
import struct

import numpy as np
from jaxtyping import UInt8
from PIL import ExifTags, Image, ImageOps

MODES = {1: "L", 3: "RGB"}  # by number of channels
STORABLE = {"JPEG", "PNG"}  # the formats that every reader of TFDS decodes
TURNS = {  # what puts an image upright, by its EXIF orientation; 1 is upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS = {TURNS[number] for number in (5, 6, 7, 8)}  # these swap height and width
UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


def encode_png(image: UInt8[np.ndarray, "height width channels"]) -> bytes:
    """Returns an image with 1 or 3 channels as PNG."""
    plane = image[:, :, 0] if image.shape[2] == 1 else image
    buffer = io.BytesIO()
    Image.fromarray(plane).save(buffer, "PNG", compress_level=1)  # 3× faster than 6
    return buffer.getvalue()


def encode_storable(content: bytes, shape: tuple[int | None, int | None, int]) -> bytes:
    """Returns a file's bytes if TFDS can decode them to `shape`, else a PNG of it.

    Args:
      content: of the file.
      shape: (height, width, channels); None keeps the size.

    Raises:
      OSError, SyntaxError, ValueError: the file is not an image, or is broken.
    """
    height, width, channels = shape
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        found = upright_size(image)
        sized = height is None or width is None or found == (width, height)
        plain = image.mode == MODES[channels] and find_turn(image) is None
        if sized and plain and image.format in STORABLE:
            return content
        size = found[::-1] if height is None or width is None else (height, width)
    return encode_png(fit(content, (*size, channels)))


def find_turn(opened: Image.Image) -> Image.Transpose | None:
    """Returns what puts an image upright; None where its EXIF is silent or broken.

    It does not read the pixels of a JPEG.
    """
    try:
        return TURNS.get(opened.getexif().get(ExifTags.Base.Orientation, 1))
    except (*UNREADABLE, struct.error):  # broken pixels raise when they are read
        return None


def upright_size(opened: Image.Image) -> tuple[int, int]:
    """Returns the (width, height) of an image as it is to be seen."""
    width, height = opened.size
    return (height, width) if find_turn(opened) in SIDEWAYS else (width, height)


def convert(opened: Image.Image, channels: int) -> Image.Image:
    """Returns an image upright, in 8 bits of luma (ITU-R 601-2) or of each colour.

    The upper 8 of 16 bits are kept, as Pillow does for colours (it would clip greys).
    """
    upright, image = find_turn(opened), opened
    if image.mode.startswith("I"):
        upper = np.asarray(image).clip(0, 2**16 - 1) >> 8
        image = Image.fromarray(upper.astype(np.uint8))
    image = image.convert(MODES[channels])
    return image if upright is None else image.transpose(upright)


def fit(
    content: bytes, shape: tuple[int, int, int], *, central: float = 1.0
) -> UInt8[np.ndarray, "height width channels"]:
    """Decodes an image to (height, width, channels).

    Another size is scaled (bilinear, aspect kept) until it just covers height × width,
    then cut at the centre; for the rest see `convert`.

    Args:
      content: of the file.
      shape: (height, width, channels).
      central: how much of the height and width is kept first, around the centre. Of
        ImageNet .875 is usual: 224 of 256 pixels.

    Raises:
      OSError, SyntaxError, ValueError: the bytes are not an image, or are broken.
    """
    height, width, channels = shape
    with Image.open(io.BytesIO(content)) as opened:
        image = convert(opened, channels)
    if image.size != (width, height) or central < 1:
        border = (1 - central) / 2
        kind = Image.Resampling.BILINEAR
        image = ImageOps.fit(image, (width, height), kind, bleed=border)
    return np.asarray(image, np.uint8).reshape(shape)
