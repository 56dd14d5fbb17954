"""Reliability diagrams: how often a network is right against how sure it is."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from research.report.estimates import format_range, format_seeds
from research.report.figures.style import (
    GREY,
    ArmStyle,
    Width,
    add_caption,
    add_legend,
    create_axes,
    label_percent,
    style_arms,
    styled,
    title_panel,
)
from research.report.results import Results

UNSHIFTED = "Images as they are"
LEAST = 0.005  # share of the examples; what is right in smaller bins is noise


@styled
def draw(results: Results, *, split: str = "test", width: Width = "two") -> Figure:
    """Draws a panel for images as they are and one for each border of shifts.

    Args:
      results: with rows of `eval=calibration`.
      split: of the examples measured.
      width: `one` or `two` columns.

    Raises:
      UserError: there are no rows of `calibration`.
    """
    wanted = {
        UNSHIFTED: ("calibration", "ece"),
        "shifted": ("calibration", "ece", "border", "max_shift"),
    }
    found = results.select_available(wanted, split=split)
    panels = {UNSHIFTED: found[UNSHIFTED]} if UNSHIFTED in found else {}
    for (border, m), rows in found.get("shifted", pd.DataFrame()).groupby(
        ["border", "max_shift"], sort=False
    ):
        panels[f"Shifts, {border}, ≤ {m} px"] = rows
    shape = {"ncols": len(panels), "squeeze": False}
    figure, grid = create_axes(width, 2.6, sharex=True, sharey=True, **shape)
    styles = style_arms(results.arms)
    for index, (axes, (title, rows)) in enumerate(
        zip(grid[0], panels.items(), strict=True)
    ):
        axes.plot([0, 1], [0, 1], color=GREY, lw=0.6, zorder=0)
        for arm, runs in rows.groupby("arm", sort=False):
            draw_bins(axes, results, runs, str(arm), styles[arm])
        title_panel(axes, index, title)
        label_percent(axes.xaxis, "Confidence")
    label_percent(grid[0, 0].yaxis, "Accuracy")
    add_legend(figure, grid[0, 0])
    every = pd.concat(panels.values())
    seeds = format_seeds(rows.groupby("arm")["path"].nunique())
    add_caption(
        figure,
        f"{format_range(every['n'])} examples, {seeds} taken together. Points: bins of "
        f"the top-1 probability with at least {100 * LEAST:g} % of the examples. Below "
        "the line a network is surer than it is right.",
    )
    return figure


def draw_bins(
    axes: Axes, results: Results, rows: pd.DataFrame, label: str, style: ArmStyle
) -> None:
    """Draws the bins of one arm, over its seeds."""
    runs = [row for _, row in rows.iterrows()]
    count, confidence, accuracy = (
        np.array([results.array(run, name) for run in runs], float)
        for name in ("count", "confidence", "accuracy")
    )
    total = count.sum(0)
    shown = total > LEAST * total.sum()
    x, y = (
        np.nansum(means * count, 0)[shown] / total[shown]
        for means in (confidence, accuracy)
    )
    axes.plot(
        x, y, style.line, label=label, color=style.color, marker=style.marker, ms=3
    )
