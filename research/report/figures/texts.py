"""What a figure says in words: its finding, what it shows, its numbers, a note."""

from __future__ import annotations

import textwrap

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
        add_title(figure, finding)
        figure.supxlabel(note, fontsize=current().small, color="#444444", wrap=True)


def add_title(figure: Figure, text: str) -> None:
    """Writes a title above everything, the figure grown by its lines."""
    width, height = figure.get_size_inches()
    lines = textwrap.wrap(text, count_letters(width - 0.2, TITLE, BOLD))
    strip = LEADING * TITLE / 72 * len(lines) + 0.12
    figure.set_figheight(height + strip)
    below = (0.0, 0.0, 1.0, height / (height + strip))
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(rect=below)
    for legend in figure.legends:
        legend.set_bbox_to_anchor(below, figure.transFigure)
    figure.text(
        0.06 / width,
        1 - 0.05 / (height + strip),
        "\n".join(lines),
        fontsize=TITLE,
        fontweight="bold",
        va="top",
        linespacing=LEADING - 0.1,
    )


def count_letters(inches: float, size: float, letter: float = LETTER) -> int:
    """Returns how many letters of a size in points fit side by side."""
    return max(8, int(inches * 72 / (size * letter)))
