"""The picture that the page opens with: an image, its shifts, what networks answer.

Images and text are apart, so that the text stays as large as all other on a phone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.colors import to_rgb

from research.errors import UserError
from research.report.figures.shifts import (
    KEPT,
    code_answers,
    color_answers,
    tile_moves,
)
from research.report.page.embed import encode_image
from research.report.results import Results
from research.report.shifts import SEEN, Answered, describe, select
from research.report.words import capitalize


class Panel(NamedTuple):
    """One image of the picture.

    Attributes:
      source: the image as a URL, a pixel for each pixel or shift.
      name: what it is, as a heading.
      said: more about it.
      near: left, top, width and height, in percent, of the part of a map that the moved
        images are of; None on an image.
    """

    source: str
    name: str
    said: str
    near: tuple[float, float, float, float] | None = None


class Opening(NamedTuple):
    """The picture and the same in words.

    Attributes:
      panels: the image, its moves, and a map of answers for each network.
      key: colour and class of each other answer.
      text: the caption.
    """

    panels: list[Panel]
    key: list[tuple[str, str]]
    text: str


def draw_opening(results: Results, split: str) -> Opening | None:
    """Returns the picture, whose images are URLs that hold all of them.

    Args:
      results: with rows of `eval=explorer`; without them there is no picture.
      split: of the images.
    """
    try:
        shown = select(results, split=split)
    except UserError:  # no rows, or of several data sets
        return None
    colors = color_answers(shown.networks)
    panels = [
        Panel(encode_image(shown.image), "The image", f"class {shown.label}"),
        Panel(encode_image(tile_moves(shown.image)), "Moved", f"by up to {SEEN} px"),
        *(draw_map(one, colors) for one in shown.networks),
    ]
    key = [(color, str(answer)) for answer, color in colors.items()]
    return Opening(panels, key, describe(shown))


def draw_map(network: Answered, colors: dict[int | str, str]) -> Panel:
    """Returns the answers of a network to all shifts, no shift in the middle."""
    codes = code_answers(network, colors)
    height, width = codes.shape
    palette = np.array([to_rgb(one) for one in (KEPT, *colors.values(), KEPT)])
    image = np.round(255 * palette[codes]).astype(np.uint8)
    name = capitalize(network.arm)
    near = 2 * SEEN + 1
    return Panel(
        encode_image(image),
        name,
        f"keeps its answer at {100 * network.kept:.0f} % of the shifts",
        (
            100 * (width // 2 - SEEN) / width,
            100 * (height // 2 - SEEN) / height,
            100 * near / width,
            100 * near / height,
        ),
    )
