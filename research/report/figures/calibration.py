"""Reliability diagrams: how often a network is right against how sure it is."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from research.report.estimates import estimate_means, format_range, format_seeds
from research.report.figures.findings import compare_arms, list_numbers
from research.report.figures.looks import current
from research.report.figures.style import (
    GREY,
    ArmStyle,
    Width,
    add_legend,
    create_axes,
    label_percent,
    style_arms,
    styled,
    title_panel,
)
from research.report.figures.texts import Drawn, describe
from research.report.results import Results

UNSHIFTED = "Images as they are"
LEAST = 0.005  # share of the examples; what is right in smaller bins is noise


@styled
def draw(results: Results, *, split: str = "test", width: Width | None = None) -> Drawn:
    """Draws a panel for images as they are and one for each border of shifts.

    Args:
      results: with rows of `eval=calibration`.
      split: of the examples measured.
      width: `one` or `two` columns; None for what the style in use has.

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
    width = width or current().width
    abreast = len(panels) if width == "two" else 1
    shape = {"nrows": len(panels) // abreast, "ncols": abreast, "squeeze": False}
    tall = 2.6 * len(panels) // abreast
    figure, grid = create_axes(width, tall, sharex=True, sharey=True, **shape)
    styles = style_arms(results.arms)
    for index, (axes, (title, rows)) in enumerate(
        zip(grid.flat, panels.items(), strict=True)
    ):
        axes.plot([0, 1], [0, 1], color=GREY, lw=0.6, zorder=0)
        for arm, runs in rows.groupby("arm", sort=False):
            draw_bins(axes, results, runs, styles[arm])
        title_panel(axes, index, title)
        if index >= len(panels) - abreast:
            label_percent(axes.xaxis, "Confidence")
    for axes in grid[:, 0]:
        label_percent(axes.yaxis, "Accuracy")
    add_legend(figure, grid[0, 0])
    every = pd.concat(panels.values())
    seeds = format_seeds(rows.groupby("arm")["path"].nunique())
    names = {arm: one.name for arm, one in styles.items()}
    errors = {title: estimate_means(found, ["arm"]) for title, found in panels.items()}
    first, error = next(iter(errors.items()))
    describe(
        figure,
        f"Expected calibration error, {first[:1].lower()}{first[1:]}: "
        f"{compare_arms(error, names)}",
        shows="How often networks are right against how sure they are.",
        numbers=" ".join(
            f"Error, {title[:1].lower()}{title[1:]}: {list_numbers(found, names)}"
            for title, found in errors.items()
        ),
        note=f"{format_range(every['n'])} examples, {seeds} taken together. Points: "
        f"bins of the top-1 probability with at least {100 * LEAST:g} % of them. Below "
        "the line a network is surer than it is right.",
    )
    return figure


def draw_bins(
    axes: Axes, results: Results, rows: pd.DataFrame, style: ArmStyle
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
        x, y, style.line, label=style.name, color=style.color, marker=style.marker, ms=3
    )
