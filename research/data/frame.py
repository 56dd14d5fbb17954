"""What is kept of a picture: what a network sees, and the content around it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from research.data.arrays import Example
from research.data.pictures import open_picture
from research.types import Interpolation, Range

Kept = Annotated[float | int, Range(0, 1, above=True)]  # of each side


@dataclass(frozen=True)
class Frame:
    """What is kept of a picture.

    Attributes:
      shape: (height, width, channels) of what a network sees.
      central: how much of each side of the canvas that is.
      zoom: how many times as large the canvas is than it would have to be; a window of
        it is scaled to `shape` (bilinear, antialiased) after it is cut.
      resize: whether the picture is scaled until it just covers the canvas; if not, the
        canvas is cut out of its centre at its native resolution.
      interpolation: of that scaling.
      background: behind what is transparent.
    """

    shape: tuple[int, int, int]
    central: float | int
    zoom: int
    resize: bool
    interpolation: Interpolation
    background: tuple[int, ...]

    @property
    def window(self) -> tuple[int, int]:
        """(height, width) of what is seen, in pixels of the canvas."""
        return self.zoom * self.shape[0], self.zoom * self.shape[1]

    @property
    def canvas(self) -> tuple[int, int]:
        """(height, width) of a canvas; rounded down, as timm and torchvision do it."""
        height, width = (int(side / self.central) for side in self.shape[:2])
        return self.zoom * height, self.zoom * width

    def read(self, path: Path) -> Example:
        """Returns the arrays of a picture.

        They are `image`; if it is a part of a larger `canvas`, that, and `corner`, its
        first row and column there; and where it is scaled, too, `window`, its height
        and width there.

        Raises:
          OSError, SyntaxError, ValueError, DecompressionBombError: it cannot be read,
            or is too small to be taken as it is.
        """
        channels = self.shape[2]
        picture = open_picture(path, channels, background=self.background)
        height, width = self.canvas
        if self.resize:
            kind = Image.Resampling[self.interpolation.upper()]
            picture = ImageOps.fit(picture, (width, height), kind)
        elif picture.height < height or picture.width < width:
            raise ValueError(
                f"{picture.height}×{picture.width} pixels, and data.resize=false "
                f"takes at least {height}×{width}"
            )
        else:
            picture = crop_centre(picture, height, width)
        image = crop_centre(picture, *self.window)
        if self.zoom > 1:
            size = self.shape[1::-1]
            image = image.resize(size, Image.Resampling.BILINEAR)
        found = {"image": to_array(image, channels)}
        if self.canvas == self.window:
            return found
        corner = np.subtract(self.canvas, self.window) // 2
        canvas = to_array(picture, channels)
        found |= {"canvas": canvas, "corner": corner.astype(np.int32)}
        if self.zoom > 1:
            found["window"] = np.array(self.window, np.int32)
        return found


def crop_centre(picture: Image.Image, height: int, width: int) -> Image.Image:
    """Returns the centre of a picture, rounded up and left."""
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    return picture.crop((left, top, left + width, top + height))


def to_array(
    picture: Image.Image, channels: int
) -> UInt8[np.ndarray, "height width channels"]:
    """Returns the pixels of a picture."""
    return np.asarray(picture, np.uint8).reshape(*picture.size[::-1], channels)
