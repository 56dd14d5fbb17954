"""Flips along a path: at which of its one-pixel steps answers change."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from research.ranges import Count
from research.report.estimates import describe_estimates, estimate_means
from research.report.figures.findings import (
    compare_arms,
    list_numbers,
    show_percent,
)
from research.report.figures.looks import current
from research.report.figures.style import (
    Width,
    add_legend,
    create_axes,
    label_percent,
    point_better,
    style_arms,
    styled,
    title_panel,
)
from research.report.figures.texts import Drawn, describe
from research.report.formats import format_number
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
    width: Width | None = None,
) -> Drawn:
    """Draws a panel for each border and direction, a line for each arm.

    Args:
      results: with rows of `eval=flip`.
      measure: of `research.evals.flip`.
      split: of the examples measured.
      fewest_seeds: with fewer, intervals are over examples.
      width: `one` or `two` columns; None for what the style in use has.

    Raises:
      UserError: there are no rows of `flip`.
    """
    params = ("border", "direction", "reach")
    found = results.select("flip", measure, *params, split=split)
    paths = list(found.groupby(list(params), sort=False))[:PANELS]
    width = width or current().width
    abreast = len(paths) if width == "two" else 1
    shape = {"nrows": len(paths) // abreast, "ncols": abreast, "squeeze": False}
    tall = 2.6 if width == "two" else 2.0 * len(paths)
    figure, grid = create_axes(width, tall, sharey=True, **shape)
    styles = style_arms(results.arms)
    for index, (axes, ((border, direction, reach), rows)) in enumerate(
        zip(grid.flat, paths, strict=True)
    ):
        places = np.arange(reach[0], reach[1]) + 0.5
        for arm, runs in rows.groupby("arm", sort=False):
            steps = mean_steps(results, runs)
            style = styles[arm]
            axes.plot(places, steps, style.line, color=style.color, label=style.name)
        title_panel(axes, index, f"{border}, {direction[0]} down, {direction[1]} right")
        axes.set_xlabel("Offset (steps)")
    rate = measure == "flip_rate"
    for axes in grid[:, 0]:
        if rate:
            label_percent(axes.yaxis, LABELS[measure], better=-1)
        else:
            axes.set_ylabel(point_better(LABELS[measure], -1))
    add_legend(figure, grid[0, 0])
    summary = estimate_means(found, ["arm", *params], fewest_seeds=fewest_seeds)
    names = {arm: one.name for arm, one in styles.items()}
    path, found = next(iter(summary.groupby(list(params), sort=False)))
    along = f"{path[0]} border, {path[1][0]} px down and {path[1][1]} right a step"
    show = show_percent if rate else format_number
    describe(
        figure,
        f"{LABELS[measure]} from one step to the next ({along}): "
        f"{compare_arms(found, names, show)}",
        shows="What changes at each step of a path.",
        numbers=f"Means over the path: {list_numbers(found, names, percent=rate)}",
        note=f"{describe_estimates(summary).partition(' Bars')[0]} Above a panel: "
        "pixels by which a step moves.",
    )
    return figure


def mean_steps(results: Results, rows: pd.DataFrame) -> np.ndarray:
    """Returns the mean over runs of what each step changes, (frames − 1,)."""
    steps = [results.array(row, "steps") for _, row in rows.iterrows()]
    return np.mean(steps, axis=0)
