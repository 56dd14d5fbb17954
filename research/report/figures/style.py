"""The one place of style: colours, markers, sizes, and how a figure is saved.

Colours are those of Okabe & Ito (2008), which colour-blind readers can tell apart,
less yellow, which fades on paper, plus grey. A preset has one colour and marker in
every figure. Colours go by family: neutral for bare decimation, red and orange for
pooling, dark blue for strided convolutions, light blue and green for filters, purple
for adaptive phases.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from string import ascii_lowercase
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from research.files.atomic import write_bytes
from research.report.figures.looks import WIDTHS, Width, current, styled
from research.report.figures.texts import Drawn
from research.report.words import name_arms

BLACK, GREY = "#000000", "#8c8c8c"
ORANGE, RED, PURPLE = "#E69F00", "#D55E00", "#CC79A7"
SKY, GREEN, BLUE = "#56B4E9", "#009E73", "#0072B2"

PRESETS = {
    "decimate": (BLACK, "o"),
    "space_to_depth": (BLACK, "s"),
    "none": (GREY, "o"),
    "random_phase": (GREY, "X"),
    "max": (RED, "s"),
    "max3": (RED, "^"),
    "soft": (RED, "v"),
    "mixed": (RED, "D"),
    "stochastic": (RED, "X"),
    "average": (ORANGE, "D"),
    "median": (ORANGE, "o"),
    "lp": (ORANGE, "v"),
    "strided": (BLUE, "^"),
    "strided_blur": (BLUE, "v"),
    "blur": (SKY, "v"),
    "haar": (SKY, "s"),
    "ideal": (SKY, "D"),
    "flc": (SKY, "X"),
    "asap": (SKY, "P"),
    "max_blur": (GREEN, "P"),
    "adaptive_blur": (GREEN, "X"),
    "tips": (PURPLE, "P"),
    "aps": (PURPLE, "^"),
    "lps": (PURPLE, "o"),
    "max_aps": (PURPLE, "s"),
    "blur_aps": (PURPLE, "v"),
    "blur_lps": (PURPLE, "D"),
}
CYCLE = [
    (color, marker)
    for marker, color in product(
        "o^sDvP", [BLUE, RED, GREEN, PURPLE, ORANGE, SKY, BLACK]
    )
]
LINES = ["-", "--", ":", "-."]

METADATA: dict[str, dict[str, Any]] = {  # without dates and versions
    "png": {"Software": None},
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
}


class ArmStyle(NamedTuple):
    """How one arm is drawn."""

    color: str
    marker: str
    line: str
    filled: bool
    name: str = ""  # of the arm, in words

    def errorbar(self) -> dict[str, Any]:
        """Returns the keywords of `Axes.errorbar`."""
        return {
            "color": self.color,
            "marker": self.marker,
            "markerfacecolor": self.color if self.filled else "white",
            "elinewidth": 0.8,
            "capsize": 1.5,
            "capthick": 0.8,
        }


def style_arms(runs: pd.DataFrame) -> dict[str, ArmStyle]:
    """Returns how each arm is drawn, in order of appearance.

    A preset has its own colour and marker; an unknown one, or a classifier that was not
    trained here, the next that is free. More
    arms of one preset are hollow and dashed. Where all arms have the same preset the
    colours tell the arms apart.

    Args:
      runs: with `arm`, and `downsample` where that is a choice.
    """
    each = runs.drop_duplicates("arm")
    names = list(each["arm"])
    if "downsample" in each:
        names = list(each["downsample"].fillna(each["arm"]))
    if len(set(names)) == 1 < len(names):
        names = list(each["arm"])
    taken = {PRESETS[name] for name in names if name in PRESETS}
    free = [style for style in CYCLE if style not in taken] or CYCLE
    unknown = list(dict.fromkeys(name for name in names if name not in PRESETS))
    given = PRESETS | {name: free[i % len(free)] for i, name in enumerate(unknown)}
    words, styles = name_arms(runs), {}
    for i, (arm, name) in enumerate(zip(each["arm"], names, strict=True)):
        nth = names[:i].count(name)
        color, marker = given[name]
        styles[arm] = ArmStyle(
            color, marker, LINES[nth % len(LINES)], nth == 0, words[arm]
        )
    return styles


def create_axes(width: Width | None, height: float, **grid: Any) -> tuple[Drawn, Any]:
    """Returns a figure and its axes.

    Args:
      width: `one` or `two` columns; None for what the style in use has.
      height: in inches.
      **grid: as of `Figure.subplots`.
    """
    figure = Drawn(figsize=(WIDTHS[width or current().width], height))
    return figure, figure.subplots(**grid)


def label_percent(axis: Axis, label: str, *, better: int = 0) -> None:
    """Labels an axis of proportions, in per cent; `better` as of `point_better`."""
    axis.set_label_text(point_better(f"{label} (%)", better))
    axis.set_major_formatter(lambda value, _: f"{100 * value:.3g}")


def point_better(label: str, better: int) -> str:
    """Returns a label with an arrow to where values are better.

    Labels of y are turned with their arrows, so one arrow serves both axes.

    Args:
      label: of an axis.
      better: 1 where more is better, −1 where less is; 0 where neither is.
    """
    return {1: f"{label}   better →", -1: f"← better   {label}"}.get(better, label)


def add_legend(figure: Figure, axes: Axes) -> None:
    """Puts the legend of `axes` above all panels, the figure grown by its rows."""
    handles, labels = axes.get_legend_handles_labels()
    width, height = figure.get_size_inches()
    size = current().ticks / 7
    each = 0.5 + 0.06 * size * max(map(len, labels))  # inches
    columns = min(len(labels), max(1, int(width / each)))
    rows = math.ceil(len(labels) / columns) - 1
    figure.set_figheight(height + 0.15 * size * rows)
    figure.legend(handles, labels, loc="outside upper center", ncols=columns)


def title_panel(axes: Axes, index: int, title: str) -> None:
    """Titles a panel `(a) title` at its upper left."""
    axes.set_title(letter_panel(index, title), loc="left")


def letter_panel(index: int, title: str) -> str:
    """Returns `(a) title`."""
    return f"({ascii_lowercase[index]}) {title}"


def set_log_scale(axes: Axes) -> None:
    """Makes y logarithmic, with ticks at 1, 2, 5 times powers of ten."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_locator(NullLocator())


def save(figure: Figure, path: str | Path) -> list[Path]:
    """Writes a figure in the formats of the style in use: PNG, SVG and PDF on a screen.

    The same figure gives the same bytes.

    Args:
      figure: to save.
      path: without suffix.

    Returns:
      The files.

    Raises:
      UserError: the disk is full or the folder cannot be written.
    """
    written = []
    for kind, content in render(figure, current().kinds).items():
        written.append(Path(f"{path}.{kind}"))
        write_bytes(written[-1], content)
    return written


@styled
def render(
    figure: Figure, kinds: Sequence[str] = ("png", "svg", "pdf")
) -> dict[str, bytes]:
    """Returns a figure in some formats, each the content of a file."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out now: not again for each format
    # The solver's last digits vary, and SVG names clips by them.
    for axes in figure.axes:
        axes.set_position(np.round(axes.get_position(original=True).bounds, 6).tolist())
    rendered = {}
    for kind in kinds:
        content = io.BytesIO()
        figure.savefig(content, format=kind, dpi=200, metadata=METADATA[kind])
        rendered[kind] = content.getvalue()
    return rendered
