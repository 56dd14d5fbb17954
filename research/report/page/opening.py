"""The picture that the page opens with: an image, its shifts, what networks answer."""

from __future__ import annotations

from typing import NamedTuple

from research.errors import UserError
from research.report.figures import shifts, style
from research.report.page.embed import KINDS, encode_url
from research.report.results import Results
from research.report.shifts import describe, select


class Opening(NamedTuple):
    """The picture and the same in words."""

    source: str
    text: str


def draw_opening(results: Results, split: str) -> Opening | None:
    """Returns the picture as a URL that holds all of it, with its caption.

    Args:
      results: with rows of `eval=explorer`; without them there is no picture.
      split: of the images.
    """
    try:
        shown = select(results, split=split)
    except UserError:  # no rows, or of several data sets
        return None
    picture = style.render(shifts.lay_out(shown), ["svg"])["svg"]
    return Opening(encode_url(KINDS[".svg"], picture), describe(shown))
