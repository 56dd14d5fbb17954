"""Pictures of any file: upright, opaque, in eight bits of sRGB."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from research.data.images import (
    BACKGROUND,
    MODES,
    find_depth,
    find_turn,
    is_transparent,
    require_visible,
    without_remarks,
)

SPACES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # of a profile → Pillow's mode
GREY = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L")
CELL = "CMYK"  # of printed pictures
FAULTS = (ImageCms.PyCMSError, OSError, ValueError)  # of a profile


def open_picture(
    path: Path, channels: int, *, background: Sequence[int] = BACKGROUND
) -> Image.Image:
    """Reads a picture as a viewer shows it; of several frames the first.

    EXIF turns it, its colour profile is converted to sRGB, what is transparent lets the
    background through, and 16 bits of grey are scaled by as many of them as its
    greatest value uses (10, 12, 14 or 16).

    Args:
      path: of a JPEG, PNG, WebP or anything else that Pillow reads; HEIC with the
        package pillow-heif.
      channels: 1 for grey (luma, ITU-R 601-2), or 3.
      background: sRGB in 0…255 behind what is transparent.

    Returns:
      Of mode L or RGB.

    Raises:
      OSError, SyntaxError, ValueError, DecompressionBombError: it is no picture, is
        broken, or would not be seen in eight bits.
    """
    register_heif()
    # From memory: Pillow 13 maps a turned TIFF on disk with its sides swapped.
    content = io.BytesIO(path.read_bytes())
    with without_remarks(), Image.open(content) as opened:
        require_visible(opened)
        turn, profile = find_turn(opened), opened.info.get("icc_profile")
        alpha = None
        if is_transparent(opened) and not opened.mode.startswith("I"):
            alpha = opened.convert("RGBA").getchannel("A")
        image = to_srgb(to_eight_bits(opened), profile)
        if alpha is not None:
            canvas = Image.new("RGB", image.size, tuple(background))
            canvas.paste(image.convert("RGB"), mask=alpha)
            image = canvas
        image = image.convert(MODES[channels])
        return image if turn is None else image.transpose(turn)


def to_eight_bits(image: Image.Image) -> Image.Image:
    """Returns an image of mode L, CMYK or RGB, without what is transparent."""
    if image.mode.startswith("I"):
        deep = np.asarray(image)
        depth = find_depth(int(deep.max(initial=0)))
        return Image.fromarray((deep >> (depth - 8)).astype(np.uint8))
    if image.mode == CELL:
        return image
    return image.convert("L" if image.mode in GREY else "RGB")


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Returns an image in sRGB, of whose colours a profile says what they are.

    A profile that is broken, or of another kind than the image, is passed over, as
    viewers do.

    Args:
      image: of mode L, CMYK or RGB.
      profile: ICC; None: it has none, and is taken for sRGB.
    """
    if not profile:
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if SPACES.get(source.profile.xcolor_space) != image.mode:
            return image
        converted = ImageCms.profileToProfile(image, source, srgb(), outputMode="RGB")
    except FAULTS:
        return image
    return image if converted is None else converted


@cache
def srgb() -> ImageCms.ImageCmsProfile:
    """Returns the profile of sRGB."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


@cache
def register_heif() -> bool:
    """Makes Pillow read HEIC if pillow-heif is installed; returns whether it is."""
    if importlib.util.find_spec("pillow_heif") is None:
        return False
    importlib.import_module("pillow_heif").register_heif_opener()
    return True
