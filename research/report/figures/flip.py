"""Flips along a path: at which of its one-pixel steps answers change."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from research.ranges import Count
from research.report.estimates import describe_estimates, estimate_means
from research.report.figures.style import (
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

LABELS = {
    "flip_rate": "Answers that change",
    "top5_distance": "Top-5 distance",
    "embedding_change": "1 − cosine of embeddings",
}
PANELS = 4  # side by side at most


@styled
def draw(
    results: Results,
    *,
    measure: Literal["flip_rate", "top5_distance", "embedding_change"] = "flip_rate",
    split: str = "test",
    fewest_seeds: Count = 3,
    width: Width = "two",
) -> Figure:
    """Draws a panel for each border and direction, a line for each arm.

    Args:
      results: with rows of `eval=flip`.
      measure: of `research.evals.flip`.
      split: of the examples measured.
      fewest_seeds: with fewer, intervals are over examples.
      width: `one` or `two` columns.

    Raises:
      UserError: there are no rows of `flip`.
    """
    params = ("border", "direction", "reach")
    found = results.select("flip", measure, *params, split=split)
    paths = list(found.groupby(list(params), sort=False))[:PANELS]
    shape = {"ncols": len(paths), "squeeze": False}
    figure, grid = create_axes(width, 2.6, sharey=True, **shape)
    styles = style_arms(results.arms)
    for index, (axes, ((border, direction, reach), rows)) in enumerate(
        zip(grid[0], paths, strict=True)
    ):
        places = np.arange(reach[0], reach[1]) + 0.5
        for arm, runs in rows.groupby("arm", sort=False):
            steps = mean_steps(results, runs)
            style = styles[arm]
            axes.plot(places, steps, style.line, color=style.color, label=arm)
        title_panel(axes, index, f"{border}, {direction[0]} down, {direction[1]} right")
        axes.set_xlabel("Offset (steps)")
    if measure == "flip_rate":
        label_percent(grid[0, 0].yaxis, LABELS[measure])
    else:
        grid[0, 0].set_ylabel(LABELS[measure])
    add_legend(figure, grid[0, 0])
    summary = estimate_means(found, ["arm", *params], fewest_seeds=fewest_seeds)
    stated = describe_estimates(summary).partition(" Bars")[0]
    add_caption(figure, f"{stated} Above a panel: pixels by which a step moves.")
    return figure


def mean_steps(results: Results, rows: pd.DataFrame) -> np.ndarray:
    """Returns the mean over runs of what each step changes, (frames − 1,)."""
    steps = [results.array(row, "steps") for _, row in rows.iterrows()]
    return np.mean(steps, axis=0)
