"""What a figure says in words: its finding, what it shows, its numbers, a note."""

from __future__ import annotations

import textwrap
from typing import Any

from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from research.report.figures.looks import current

LETTER = 0.56  # of its size: the mean width of a letter
BOLD = 0.62
LEADING = 1.3  # of its size: from line to line
TITLE = 8.5  # points


class Drawn(Figure):
    """A figure with its text; `describe` sets it.

    Attributes:
      finding: one sentence or more that the data say, without a full stop; the title.
      shows: what is drawn, in a sentence.
      numbers: what a reader would take from the axes, with intervals; or nothing.
      note: over what intervals are, and how to read marks.
    """

    finding: str = ""
    shows: str = ""
    numbers: str = ""
    note: str = ""

    @property
    def caption(self) -> str:
        """The whole text, for beside the figure."""
        said = f"{self.finding.rstrip('.')}." if self.finding else ""
        return " ".join(filter(None, (said, self.shows, self.numbers, self.note)))


def describe(
    figure: Drawn, finding: str, *, shows: str, note: str, numbers: str = ""
) -> None:
    """Gives a figure its text, and shows the part of it that the style in use shows.

    After the legend, and before whatever depends on where the axes lie.

    Args:
      figure: whose panels are drawn.
      finding: see `Drawn`, as all that follow.
      shows: see there.
      note: see there.
      numbers: see there.
    """
    figure.finding, figure.shows = finding, shows
    figure.numbers, figure.note = numbers, note
    if current().titled:
        frame(figure)


def frame(figure: Drawn) -> None:
    """Writes the finding above everything and the note below, the figure grown by both.

    The panels share what is left between them, with the legend above them.
    """
    width, height = figure.get_size_inches()
    small = current().small
    title = wrap(figure.finding, count_letters(width - 0.2, TITLE, BOLD))
    note = wrap(figure.note, count_letters(width - 0.2, small))
    above = LEADING * TITLE / 72 * len(title) + 0.1
    below = LEADING * small / 72 * len(note) + 0.1
    whole = height + above + below
    figure.set_figheight(whole)
    legend_top = 1 - above / whole
    for legend in figure.legends:
        # The layout would put it on the panels' titles, so it has a strip of its own.
        legend.set_in_layout(False)
        legend.set_bbox_to_anchor((0.0, 0.0, 1.0, legend_top), figure.transFigure)
        above += legend.get_window_extent().height / figure.dpi + 0.04
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(rect=(0.0, below / whole, 1.0, 1 - (above + below) / whole))
    left = 0.06 / width
    spaced: dict[str, Any] = {"linespacing": LEADING - 0.1}
    bold: dict[str, Any] = {"fontsize": TITLE, "fontweight": "bold", "va": "top"}
    figure.text(left, 1 - 0.05 / whole, "\n".join(title), **bold, **spaced)
    plain: dict[str, Any] = {"fontsize": small, "color": "#444444", "va": "bottom"}
    figure.text(left, 0.05 / whole, "\n".join(note), **plain, **spaced)


def wrap(text: str, letters: int) -> list[str]:
    """Returns text in lines; a per cent sign stays with its number."""
    return textwrap.wrap(text.replace(" %", "\N{NO-BREAK SPACE}%"), letters)


def count_letters(inches: float, size: float, letter: float = LETTER) -> int:
    """Returns how many letters of a size in points fit side by side."""
    return max(8, int(inches * 72 / (size * letter)))
