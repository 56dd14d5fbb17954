"""Pictures of flips: images whose answer changes under the smallest shifts measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from research.data.split import Split
from research.runs.rows import Measured

SHOWN = 6  # pairs of a picture
SIDE = 112  # pixels of an image in it, at least
TEXT = 14  # pixels of height below it
GAP = 4


@dataclass(frozen=True)
class Flip:
    """An image that gets two answers.

    Attributes:
      views: the image as the network saw it, twice, (height, width, channels), uint8.
      answers: the class of each.
      distance: pixels between them, of the larger axis.
    """

    views: tuple[np.ndarray, np.ndarray]
    answers: tuple[int, int]
    distance: int


def draw_flips(measured: Measured, split: Split) -> dict[str, np.ndarray]:
    """Returns a picture for each protocol of shifts that an evaluator kept.

    Args:
      measured: with `predictions`, (examples, 2), and `offsets`, (examples, 1 or 2,
        2), beside rows of agreement under `circular` or `zero`.
      split: the images that were measured, from the first.

    Returns:
      By name of the protocol, (height, width, 3), uint8: the pairs that the smallest
      shifts tell apart, one below the other. Nothing, where no answer changed.
    """
    pictures = {}
    for key, predictions in measured.arrays.items():
        row, _, kind = key.rpartition("/")
        protocol = row.partition(",")[0]
        offsets = measured.arrays.get(f"{row}/offsets")
        if kind != "predictions" or protocol not in SHIFTS or offsets is None:
            continue
        if predictions.ndim != 2 or offsets.shape[0] != len(predictions):
            continue
        if found := [*find_flips(protocol, predictions, offsets, split.images)]:
            pictures[protocol] = stack(found)
    return pictures


def find_flips(
    protocol: str, predictions: np.ndarray, offsets: np.ndarray, images: np.ndarray
) -> Iterator[Flip]:
    """Yields flips, those of the smallest shifts first.

    Args:
      protocol: a key of `SHIFTS`.
      predictions: of two views of each example, (examples, 2).
      offsets: of both views, or of the first while the second is the image itself.
      images: (at least examples, height, width, channels), uint8.
    """
    if offsets.shape[1] == 1:
        offsets = np.concatenate([offsets, np.zeros_like(offsets)], 1)
    distances = np.abs(offsets[:, 0] - offsets[:, 1]).max(-1)
    flipped = np.flatnonzero(predictions[:, 0] != predictions[:, 1])
    nearest = flipped[np.argsort(distances[flipped], kind="stable")]
    for one in nearest[:SHOWN].tolist():
        first, second = (SHIFTS[protocol](images[one], each) for each in offsets[one])
        answers = (int(predictions[one, 0]), int(predictions[one, 1]))
        yield Flip((first, second), answers, int(distances[one]))


def roll(image: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Returns an image whose content moved and came in again opposite."""
    return np.roll(image, offset, (0, 1))


def move(image: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Returns an image whose content moved and left zeros behind."""
    moved = roll(image, offset)
    for axis, by in enumerate(offset.tolist()):
        view = np.moveaxis(moved, axis, 0)
        view[: max(by, 0)] = 0
        view[len(view) + min(by, 0) :] = 0
    return moved


SHIFTS = {"circular": roll, "zero": move}


def stack(flips: list[Flip]) -> np.ndarray:
    """Returns the pairs of some flips as one picture, with their classes below them."""
    height, width = flips[0].views[0].shape[:2]
    scale = max(1, -(-SIDE // min(height, width)))
    high, wide = height * scale, width * scale
    step = high + TEXT + GAP
    canvas = Image.new("RGB", (2 * wide + GAP, step * len(flips)), "white")
    pen = ImageDraw.Draw(canvas)
    for number, flip in enumerate(flips):
        top = number * step
        for column, (view, answer) in enumerate(
            zip(flip.views, flip.answers, strict=True)
        ):
            left = column * (wide + GAP)
            canvas.paste(enlarge(view, (wide, high)), (left, top))
            pen.text((left + 2, top + high), f"class {answer}", fill="black")
        moved = f"moved {flip.distance} px"
        pen.text((wide - 2, top + high), moved, fill="gray", anchor="ra")
    return np.asarray(canvas)


def enlarge(image: np.ndarray, size: tuple[int, int]) -> Image.Image:
    """Returns an image of 1 or 3 channels at a size (width, height), pixels as blocks.

    Of any other number of channels the first is shown.
    """
    shown = image if image.shape[-1] == 3 else np.repeat(image[..., :1], 3, -1)
    return Image.fromarray(shown).resize(size, Image.Resampling.NEAREST)
