"""The Lie derivative over stages: where a network stops being equivariant."""

from __future__ import annotations

from typing import Literal

import pandas as pd
from matplotlib.figure import Figure

from research.ranges import Count
from research.report.estimates import describe_estimates, estimate_means
from research.report.figures.lines import draw_lines, name_stages, number_ticks
from research.report.figures.style import (
    Width,
    add_caption,
    label_percent,
    style_arms,
    styled,
)
from research.report.results import Results

LABELS = {
    "contribution": "Change of p (per px)",
    "error": "Relative error of the stage (per px)",
}


@styled
def draw(
    results: Results,
    *,
    measure: Literal["share", "contribution", "error"] = "share",
    split: str = "test",
    fewest_seeds: Count = 3,
    width: Width = "two",
) -> Figure:
    """Draws a panel for each interpolation, a line for each arm.

    Args:
      results: with rows of `eval=lie`.
      measure: of `research.evals.lie`.
      split: of the examples measured.
      fewest_seeds: with fewer, intervals are over examples.
      width: `one` or `two` columns.

    Raises:
      UserError: there are no rows of `lie`.
    """
    params = ("interpolation", "index", "part", "stride")
    found = results.select("lie", measure, *params, split=split)
    by = ["arm", "index", "part"]
    panels = {
        f"Derivative: {name}": estimate_means(group, by, fewest_seeds=fewest_seeds)
        for name, group in found.groupby("interpolation", sort=False)
    }
    numbered, _ = number_ticks(panels, "index")
    figure = draw_lines(
        style_arms(results.arms),
        numbered,
        name_stages(panels),
        label="Stage",
        slanted=True,
        width=width,
    )
    if measure == "share":
        label_percent(figure.axes[0].yaxis, "Share of the change")
    else:
        figure.axes[0].set_ylabel(LABELS[measure])
    stated = describe_estimates(pd.concat(panels.values()))
    whole = "; the shares of an arm add up to 100 %" if measure == "share" else ""
    add_caption(figure, f"{stated} Lie derivatives along shifts, by stage{whole}.")
    return figure
