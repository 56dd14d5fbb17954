"""Values with their intervals, one under the other, in panels that share a column."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import ScaledTranslation, blended_transform_factory

from research.report.figures.looks import WIDTHS, Width, current
from research.report.figures.style import BLACK, GREY, letter_panel
from research.report.figures.texts import Drawn, count_letters
from research.report.formats import format_interval, format_number

LINE = 0.022  # inches for a line of text, for each point of its size
NAMES = 0.42  # of the width of a figure, for names
SMALL = 0.01  # differences below it look like none, in any unit
ABOVE = 3.5  # lines of a panel that are no marks: its title and its axis


class Mark(NamedTuple):
    """A name, a value and the ends of its interval, NaN where there is none."""

    name: str
    value: float
    low: float
    high: float
    color: str = BLACK
    marker: str = "o"
    whole: bool = False  # a count, to be given in full

    @property
    def text(self) -> str:
        """The value with its interval: `4.20 [1.10, 7.30]`."""
        if self.whole:
            return format_whole(self.value)
        ends = (None if np.isnan(end) else end for end in (self.low, self.high))
        return format_interval(self.value, *ends)


class Panel(NamedTuple):
    """What is drawn in one panel.

    Attributes:
      marks: from top to bottom.
      label: of x.
      nothing: the value that stands for no effect; None where values are no effects.
      ends: what intervals are compared with; None where nothing is decided.
      doublings: whether each step to the right is a factor.
      decides: whether the marks decide a question.
    """

    marks: list[Mark]
    label: str = ""
    nothing: float | None = None
    ends: tuple[float, float] | None = None
    doublings: bool = False
    decides: bool = False

    @property
    def text(self) -> str:
        """The marks in words."""
        said = "; ".join(f"{one.name} {one.text}".lstrip() for one in self.marks)
        return f"{said} {plain(self.label)}".rstrip()


def plain(label: str) -> str:
    """Returns the label of an axis without the arrow to where values are better."""
    return label.removesuffix("better →").removeprefix("← better").strip()


def draw_forests(panels: Mapping[str, Panel], width: Width | None = None) -> Drawn:
    """Draws panels one below the other.

    Args:
      panels: by title; titles of several lines are wrapped.
      width: `one` or `two` columns; None for what the style in use has.
    """
    look = current()
    inches = WIDTHS[width or look.width]
    letters = count_letters(NAMES * inches, look.small)
    titles = [
        textwrap.wrap(letter_panel(place, title), count_letters(inches - 0.2, 8.0))
        for place, title in enumerate(panels)
    ]
    rows = [
        sum(count_lines(one, letters) for one in panel.marks) + 1
        for panel in panels.values()
    ]
    line = LINE * look.small
    extra = [ABOVE + len(title) - 1 for title in titles]
    figure = Drawn((inches, line * (sum(rows) + sum(extra))), dpi=200)  # as it is saved
    grid = figure.subplots(
        len(panels), squeeze=False, gridspec_kw={"height_ratios": rows}
    )[:, 0]
    for axes, title, panel in zip(grid, titles, panels.values(), strict=True):
        draw_forest(axes, panel, letters)
        title_across(figure, axes, title)
    return figure


def draw_forest(axes: Axes, panel: Panel, letters: int) -> None:
    """Draws values with intervals, one under the other, and the margin if any."""
    heights = np.array([count_lines(mark, letters) for mark in panel.marks])
    places = np.cumsum(heights) - heights / 2
    if panel.doublings:
        axes.set_xscale("log", base=2)
        ticks = sorted({one.value for one in panel.marks})
        axes.set_xticks(ticks, [format_whole(tick) for tick in ticks])
        axes.margins(x=0.1)
    for place, one in zip(places, panel.marks, strict=True):
        axes.plot([one.low, one.high], [place, place], color=one.color, lw=1.2)
        axes.plot(one.value, place, one.marker, color=one.color, ms=4)
    if panel.ends is not None:
        mark_margin(axes, *panel.ends)
    if panel.nothing is not None:
        mark_nothing(axes, panel.nothing)
    if panel.nothing == 1:
        spread_ratios(axes)
    names = [textwrap.fill(one.name or one.text, letters) for one in panel.marks]
    axes.set_yticks(places, names)
    axes.tick_params(axis="y", labelsize=current().small)
    axes.set_ylim(heights.sum() + 0.5, -0.5)
    axes.set_xlabel(panel.label, fontsize=current().ticks, labelpad=1)


def spread_ratios(axes: Axes) -> None:
    """Gives ratios an axis of doublings where they spread over two or more.

    On an even axis 2 and 2.2 are one place beside 32.
    """
    low, high = axes.dataLim.intervalx
    if low > 0 and high >= 4 * low:
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.margins(x=0.05)
        axes.autoscale(axis="x")


def format_whole(value: float) -> str:
    """Returns `56,394`; of what is no whole number, three digits."""
    whole = abs(value - round(value)) < 1e-6 * abs(value)
    return f"{round(value):,}" if whole else format_number(value)


def title_across(figure: Drawn, axes: Axes, lines: list[str]) -> None:
    """Titles a panel from the left edge of the figure, wider than the panel.

    An empty title of as many lines keeps the room.
    """
    axes.set_title("\n".join([" "] * len(lines)))
    edge = ScaledTranslation(0.06, 4 / 72, figure.dpi_scale_trans)
    across = blended_transform_factory(figure.transFigure, axes.transAxes) + edge
    text = axes.text(0, 1, "\n".join(lines), transform=across, fontsize=8, va="bottom")
    text.set_in_layout(False)


def mark_margin(axes: Axes, low: float, high: float) -> None:
    """Shades what lies within the margin; a limit is a line."""
    if low < high:
        axes.axvspan(low, high, color=GREY, alpha=0.15, lw=0, zorder=0)
    else:
        axes.axvline(low, color=GREY, lw=1, ls="--", zorder=1)


def mark_nothing(axes: Axes, nothing: float) -> None:
    """Marks no difference, and shows a little around it where nothing differs."""
    axes.axvline(nothing, color=GREY, lw=0.6, zorder=0)
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, nothing - SMALL), max(high, nothing + SMALL))


def count_lines(mark: Mark, letters: int) -> int:
    """Returns how many lines a name takes."""
    return len(textwrap.wrap(mark.name, letters)) or 1
