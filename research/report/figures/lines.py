"""Lines of estimates with intervals: a line for each arm, a panel for each case."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from research.report.figures.looks import WIDTHS, current
from research.report.figures.style import (
    ArmStyle,
    Width,
    add_legend,
    create_axes,
    label_percent,
    point_better,
    title_panel,
)
from research.report.figures.texts import Drawn

DODGE = 0.06  # of a tick between arms, so that bars do not cover each other
SPREAD = 0.3  # of a tick, between the first and the last arm at most
LINE = 0.16  # inches from one name to the next
SLANTED = {"rotation": 60, "ha": "right", "rotation_mode": "anchor"}


def draw_lines(
    styles: Mapping[str, ArmStyle],
    panels: Mapping[str, pd.DataFrame],
    ticks: list[str],
    *,
    label: str,
    width: Width | None = None,
    height: float = 2.6,
    slanted: bool = False,
    joined: bool = True,
) -> Drawn:
    """Draws estimates at equally spaced ticks, arms in the order of their means.

    Panels stand side by side in two columns, one below the other in one.

    Args:
      styles: of each arm, as `style_arms` returns them.
      panels: title → estimates: `arm`, `tick` (its number), `value`, `low`, `high`.
      ticks: what stands under the ticks.
      label: of x.
      width: `one` or `two` columns; None for what the style in use has.
      height: inches, of a row of panels.
      slanted: whether the ticks are names, written at an angle; where they would
        overlap some are left out.
      joined: whether lines join the estimates; not where ticks have no order.
    """
    width = width or current().width
    abreast = len(panels) if width == "two" else 1
    shape = {"nrows": len(panels) // abreast, "ncols": abreast, "squeeze": False}
    tall = height
    if width == "one":
        tall = 0.65 * height * len(panels) + (0.9 if slanted else 0.5)
    figure, grid = create_axes(width, tall, sharex=True, sharey=True, **shape)
    every = pd.concat(panels.values())
    order = every.groupby("arm")["value"].mean().sort_values(ascending=False).index
    spread = min(SPREAD, DODGE * (len(order) - 1))
    offsets = dict(
        zip(order, np.linspace(-spread / 2, spread / 2, len(order)), strict=True)
    )
    for index, (axes, (title, found)) in enumerate(
        zip(grid.flat, panels.items(), strict=True)
    ):
        for arm in order:
            line = found[found["arm"] == arm].sort_values("tick")
            ends = [line["value"] - line["low"], line["high"] - line["value"]]
            axes.errorbar(
                line["tick"] + offsets[arm],
                line["value"],
                np.clip(ends, 0, None),
                linestyle=styles[arm].line if joined else "none",
                label=styles[arm].name,
                **styles[arm].errorbar(),
            )
        if len(panels) > 1:
            title_panel(axes, index, title)
        elif title:
            axes.set_title(title, loc="left")
        if index >= len(panels) - abreast:
            axes.set_xlabel(label)
        room = WIDTHS[width] / abreast / LINE if slanted else len(ticks)
        step = math.ceil(len(ticks) / room)
        axes.set_xticks(
            range(0, len(ticks), step), ticks[::step], **SLANTED if slanted else {}
        )
    add_legend(figure, grid[0, 0])
    return figure


def number_ticks(
    panels: Mapping[str, pd.DataFrame], column: str
) -> tuple[dict[str, pd.DataFrame], list]:
    """Numbers the values of a column in order, over all panels, as `tick`.

    Returns:
      The panels with `tick`, and the values in the order of their numbers.
    """
    values = sorted({value for found in panels.values() for value in found[column]})
    place = {value: number for number, value in enumerate(values)}
    ticked = {
        title: found.assign(tick=found[column].map(place))
        for title, found in panels.items()
    }
    return ticked, values


def name_stages(panels: Mapping[str, pd.DataFrame]) -> list[str]:
    """Names the stages of estimates with `index` and `part`: `3 Downsample`.

    Where the arms' networks differ a stage is its number. Index −1 is the input.
    """
    every = pd.concat(panels.values())
    parts = every.groupby("index")["part"].unique()
    return [
        part
        if index < 0
        else f"{index + 1} {part}"
        if len(names) == 1
        else str(index + 1)
        for index, names in parts.items()
        for part in names[:1]
    ]


def label_values(
    figure: Figure, label: str, *, percent: bool = True, better: int = 0
) -> None:
    """Labels y of every row of panels.

    Args:
      figure: of `draw_lines`.
      label: what is drawn, without its unit.
      percent: whether values are proportions, to be shown in per cent.
      better: as of `point_better`.
    """
    for axes in figure.axes:
        place = axes.get_subplotspec()
        if place is not None and place.is_first_col():
            if percent:
                label_percent(axes.yaxis, label, better=better)
            else:
                axes.set_ylabel(point_better(label, better))
