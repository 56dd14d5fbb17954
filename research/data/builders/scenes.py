"""Objects over photographs, seen through a window: what a camera that moves sees.

A canvas of 48×48 pixels is a part of one of the two photographs that come with
scikit-learn, and on it lies an object: a handwritten digit of 14 to 20 pixels, lighter
or darker than what it covers. An image is a window of 32×32. Windows that are some
pixels apart differ as two pictures of a camera do: real content comes in, nothing wraps
around, nothing is filled. Every window up to 4 pixels from an image holds the whole
object.

Training and test images share neither objects nor parts of photographs. Of few objects
some lie in several scenes: the 2,000 test scenes have 360 digits of `data=digits`, and
2,000 of `data=mnist`. Ink has no colour, so that grey scenes are the others in grey.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Annotated

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image

from research.data.arrays import Example
from research.data.generated import Generated, Numbered
from research.data.origin import Origin, Spec, describe_command, describe_overrides
from research.data.split import Split
from research.data.store import Store
from research.errors import UserError
from research.types import Count, Length

SEED = 20210628
SIZES = {"train": 10_000, "test": 2_000}
CANVAS = 48  # rows and columns
WINDOW = 32  # likewise
REACH = 4  # pixels that a window may move
STRAY = 4  # most pixels from the centre of a window to that of its object
EXTENT = (14, 20)  # pixels of the longer side of an object
CONTRAST = (0.4, 0.7)  # of its ink to the mean of what that covers, in [0, 1]
TEST_COLUMNS = 160  # on the right of each photograph
COVERED = 0.5  # share of ink from which on a pixel is the object's
MASK_CLASSES = 2  # background and object

Ink = Float[np.ndarray, "_height _width"]  # what it covers of each pixel, in [0, 1]
Pixels = UInt8[np.ndarray, "_height _width channels"]


@dataclass(frozen=True)
class Objects:
    """A data set of objects that are light on black, one in each image.

    Attributes:
      name: of the data set.
      version: likewise.
      shape: likewise; of one channel.
      classes: likewise.
      builder: `builder(spec)` returns where its examples come from.
    """

    name: str
    version: str
    shape: Annotated[Sequence[Count], Length(3, 3, "height, width, channels")]
    classes: Count
    builder: Callable[[Spec], Origin]

    def read(self, spec: Spec, split: str) -> Split:
        """Returns a split of them, from the folder of data sets that `spec` names.

        Raises:
          UserError: they are not prepared there.
        """
        height, width, channels = self.shape
        shape = height, width, channels
        origin = self.builder(
            Spec(self.name, self.version, shape, self.classes, spec.dir)
        )
        try:
            origin.sizes()
        except UserError:
            raise UserError(
                f"data/objects={self.name}: is not prepared in data.dir={spec.dir}; "
                f"run `{describe_command(origin)}`, or take data/objects=digits"
            ) from None
        return Store(origin).read(split)


@dataclass(frozen=True)
class Scene:
    """A canvas, and the window that is the image.

    Attributes:
      canvas: (48, 48, 3).
      covered: (48, 48) whether a pixel is the object's.
      corner: (top, left) of the window.
      box: (top, left, bottom, right) of the object on the canvas, ends exclusive.
    """

    canvas: Pixels
    covered: np.ndarray
    corner: Int[np.ndarray, " 2"]
    box: Int[np.ndarray, " 4"]

    def describe(self, channels: int) -> Example:
        """Returns the arrays of an example, places in pixels of the window.

        Args:
          channels: 1 for grey, or 3.
        """
        canvas = self.canvas
        if channels == 1:
            canvas = np.asarray(Image.fromarray(canvas).convert("L"))[..., None]
        top, left = self.corner
        rows, columns = slice(top, top + WINDOW), slice(left, left + WINDOW)
        box = (self.box - np.tile(self.corner, 2)).astype(np.int32)
        mask = self.covered.astype(np.uint8)
        return {
            "image": canvas[rows, columns],
            "mask": mask[rows, columns],
            "position": ((box[:2] + box[2:] - 1) / 2).astype(np.float32),
            "box": box,
            "canvas": canvas,
            "canvas_mask": mask,
            "corner": self.corner.astype(np.int32),
        }


def build(spec: Spec, *, objects: Objects) -> Generated:
    """Returns the scenes; no file is needed but those of the objects.

    Args:
      spec: names the data set.
      objects: what lies on the canvases.

    Raises:
      UserError: another shape or number of classes is asked for.
    """
    channels = 3 if spec.shape[2] == 3 else 1
    spec.require(
        shape=(WINDOW, WINDOW, channels),
        classes=objects.classes,
        mask_classes=MASK_CLASSES,
    )
    option = f"scenes data/objects={objects.name}"
    usual = {"version": "1.0.0", "name": f"scenes/{objects.name}", "classes": 10}
    overrides = describe_overrides("scenes", spec, **usual)
    overrides = overrides.replace("data=scenes", f"data={option}")
    draw = partial(draw_split, spec=spec, objects=objects)
    return Generated(spec, overrides, SIZES, draw)


def draw_split(split: str, *, spec: Spec, objects: Objects) -> Numbered:
    """Yields the scenes of a split; the objects take turns.

    Besides `image`, `label`, `mask`, `position` and `box` there are `canvas`,
    `canvas_mask`, and `corner`, where the window lies on them.

    Raises:
      UserError: the objects are not prepared.
    """
    source = objects.read(spec, split)
    for number in range(SIZES[split]):
        chosen = number % len(source)
        scene = draw(split, number, cut_ink(source.images[chosen]))
        example = scene.describe(spec.shape[2])
        yield number, {**example, "label": source.labels[chosen]}


def draw(split: str, number: int, ink: Ink, extent: tuple[int, int] = EXTENT) -> Scene:
    """Draws a scene, which depends on nothing else.

    Args:
      split: that its photograph is of.
      number: of the scene.
      ink: of the object, at any size.
      extent: least and most pixels of its longer side.
    """
    rng = np.random.default_rng([SEED, list(SIZES).index(split), number])
    photograph = photographs(split)[rng.integers(2)]
    room = np.subtract(photograph.shape[:2], CANVAS)
    top, left = rng.integers(0, room + 1)
    canvas = photograph[top : top + CANVAS, left : left + CANVAS] / 255
    ink = resize(ink, int(rng.integers(extent[0], extent[1] + 1)))
    corner = rng.integers(REACH, CANVAS - WINDOW - REACH + 1, 2)
    free = WINDOW - np.array(ink.shape)
    stray = np.minimum(STRAY, free // 2 - REACH)
    start = corner + free // 2 + rng.integers(-stray, stray + 1)
    box = np.concatenate([start, start + ink.shape])
    covered = np.zeros((CANVAS, CANVAS), bool)
    place = slice(box[0], box[2]), slice(box[1], box[3])
    covered[place] = ink >= COVERED
    below = canvas[place]
    mean = np.average(below.mean(-1), weights=ink)
    contrast = rng.uniform(*CONTRAST) * (1 if mean < 0.5 else -1)
    colour = np.clip(mean + contrast, 0, 1)
    canvas[place] = below + ink[..., None] * (colour - below)
    return Scene(np.rint(255 * canvas).astype(np.uint8), covered, corner, box)


def cut_ink(image: UInt8[np.ndarray, "height width 1"]) -> Ink:
    """Returns the part of an image that is not black, scaled so that its peak is 1."""
    ink = image[..., 0] / max(1, image.max())
    rows, columns = (np.flatnonzero(ink.any(axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def resize(ink: Ink, extent: int) -> Ink:
    """Returns ink whose longer side has `extent` pixels (bilinear, antialiased)."""
    height, width = (
        max(1, round(extent * side / max(ink.shape))) for side in ink.shape
    )
    whole = Image.fromarray(ink.astype(np.float32))
    smaller = whole.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(smaller, np.float64).clip(0, 1)


@cache
def photographs(split: str) -> list[Pixels]:
    """Returns the part of each photograph that a split is taken from."""
    from sklearn.datasets import load_sample_images  # takes a second to import

    test = split == "test"
    columns = slice(-TEST_COLUMNS, None) if test else slice(None, -TEST_COLUMNS)
    return [photograph[:, columns] for photograph in load_sample_images().images]
