"""Encoded images: PNG from an array, and an array of a given size from any file."""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from research.errors import UserError

BACKGROUND = (255, 255, 255)  # white, as on paper, behind what is transparent
DEPTHS = (8, 10, 12, 14, 16)  # bits of the cameras and scanners that write 16-bit files
DARK = 16  # of 256: what 12 bits in 16 stay below
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


@contextmanager
def without_remarks() -> Iterator[None]:
    """Keeps Pillow from warning of what does not touch the pixels, such as broken EXIF.

    It names no file. Not for threads: the filters of warnings are those of the process.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def describe_fault(error: Exception) -> str:
    """Returns what is wrong with a file of an image, from what reading it raised."""
    if isinstance(error, UnidentifiedImageError):
        return "is no image"  # Pillow would name an object in memory
    reason = error.strerror if isinstance(error, OSError) else None
    return f"is no image that can be read: {reason or error}"


def require_channels(shape: tuple[int, int, int]) -> None:
    """Refuses a shape that no picture can have.

    Raises:
      UserError: it has neither 1 channel nor 3.
    """
    if shape[2] not in MODES:
        shown = ",".join(map(str, shape))
        raise UserError(
            f"data.shape=[{shown}]: pictures have 1 channel, grey, or 3; set "
            f"data.shape=[{shape[0]},{shape[1]},3]"
        )


def encode_png(image: UInt8[np.ndarray, "height width channels"]) -> bytes:
    """Returns an image with 1 or 3 channels as PNG."""
    plane = image[:, :, 0] if image.shape[2] == 1 else image
    buffer = io.BytesIO()
    Image.fromarray(plane).save(buffer, "PNG", compress_level=1)  # 3× faster than 6
    return buffer.getvalue()


def encode_storable(
    content: bytes, shape: tuple[int | None, int | None, int], *, depth: int = 16
) -> bytes:
    """Returns a file's bytes if TFDS can decode them to `shape`, else a PNG of it.

    Args:
      content: of the file.
      shape: (height, width, channels); None keeps the size.
      depth: bits that a 16-bit grey file uses, see `find_depth`.

    Raises:
      OSError, SyntaxError, ValueError: the file is not an image, or is broken.
    """
    height, width, channels = shape
    with without_remarks(), Image.open(io.BytesIO(content)) as image:
        require_visible(image)
        found = upright_size(image)
        sized = height is None or width is None or found == (width, height)
        plain = image.mode == MODES[channels] and not is_transparent(image)
        plain = plain and find_turn(image) is None
        if sized and plain and image.format in STORABLE:
            return content
        size = found[::-1] if height is None or width is None else (height, width)
    return encode_png(fit(content, (*size, channels), depth=depth))


def require_visible(opened: Image.Image) -> None:
    """Reads the pixels of a file, and refuses those that eight bits would not show.

    Raises:
      OSError, SyntaxError: the file is broken.
      ValueError: it holds fractions or more than 16 bits of grey, whose range a file
        does not tell, or so little of 16 bits a colour that it would be black.
    """
    deep = opened.mode.startswith("RGB") and any(
        ";16" in str(tile[3]) for tile in getattr(opened, "tile", ())
    )
    opened.load()
    if opened.mode == "F":
        raise ValueError("fractions, of no known range; save it with 8 or 16 bits")
    if opened.mode.startswith("I"):
        values = np.asarray(opened)
        if values.min() < 0 or values.max() >= 2**16:
            raise ValueError("values outside 0…65535; save it with 8 or 16 bits")
    if deep and 0 < np.asarray(opened)[..., :3].max() < DARK:
        raise ValueError(
            f"16 bits a colour, of which the upper 8 are all below {DARK}: it would be "
            "black; save it with 8 bits, or scaled to all of 16"
        )


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


def is_transparent(opened: Image.Image) -> bool:
    """Whether anything of an image may show what lies behind it."""
    return (
        opened.mode in ("RGBA", "LA", "PA", "RGBa", "La")
        or "transparency" in opened.info
    )


def find_depth(peak: int) -> int:
    """Returns how many bits hold the greatest value of 16-bit files: 12 for 4,000.

    Cameras and scanners store 10, 12 or 14 bits in such files, whose upper byte alone
    would be all but black.
    """
    return next(bits for bits in DEPTHS if peak < 2**bits)


def find_peak(path: Path) -> int:
    """Returns the greatest value of a 16-bit grey file, 0 for all others.

    Of the others no more than the header is read.

    Raises:
      OSError, SyntaxError, ValueError: the file is not an image, or is broken.
    """
    with without_remarks(), Image.open(path) as image:
        if not image.mode.startswith("I"):
            return 0
    # From memory: Pillow 13 maps a turned TIFF on disk with its sides swapped.
    content = io.BytesIO(path.read_bytes())
    with without_remarks(), Image.open(content) as image:
        return int(np.asarray(image).max(initial=0).clip(0, 2**16 - 1))


def convert(opened: Image.Image, channels: int, depth: int = 16) -> Image.Image:
    """Returns an image upright, in 8 bits of luma (ITU-R 601-2) or of each colour.

    What is transparent lets `BACKGROUND` through: the colour below it is what an editor
    happened to leave. The upper 8 of `depth` bits of grey are kept; of 16 bits a colour
    Pillow keeps the upper 8.
    """
    opened.load()  # turns a TIFF by itself
    upright, image = find_turn(opened), opened
    if image.mode.startswith("I"):
        grey = np.asarray(image).clip(0, 2**depth - 1) >> (depth - 8)
        image = Image.fromarray(grey.astype(np.uint8))
    elif is_transparent(image):
        canvas = Image.new("RGBA", image.size, BACKGROUND)
        canvas.alpha_composite(image.convert("RGBA"))
        image = canvas.convert("RGB")
    image = image.convert(MODES[channels])
    return image if upright is None else image.transpose(upright)


def fit(
    content: bytes,
    shape: tuple[int, int, int],
    *,
    central: float = 1.0,
    depth: int = 16,
) -> UInt8[np.ndarray, "height width channels"]:
    """Decodes an image to (height, width, channels).

    Another size is scaled (bilinear, aspect kept) until it just covers height × width,
    then cut at the centre; for the rest see `convert`.

    Args:
      content: of the file.
      shape: (height, width, channels).
      central: how much of the height and width is kept first, around the centre. Of
        ImageNet .875 is usual: 224 of 256 pixels.
      depth: bits that a 16-bit grey image uses.

    Raises:
      OSError, SyntaxError, ValueError: the bytes are not an image, or are broken.
    """
    height, width, channels = shape
    with without_remarks(), Image.open(io.BytesIO(content)) as opened:
        image = convert(opened, channels, depth)
    if image.size != (width, height) or central < 1:
        border = (1 - central) / 2
        kind = Image.Resampling.BILINEAR
        image = ImageOps.fit(image, (width, height), kind, bleed=border)
    return np.asarray(image, np.uint8).reshape(shape)
