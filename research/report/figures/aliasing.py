"""Aliasing: what of the maps before each downsampler is too fine for its grid."""

from __future__ import annotations

from typing import Literal

import pandas as pd
from matplotlib.figure import Figure

from research.ranges import Count
from research.report.estimates import describe_estimates, estimate_proportions
from research.report.figures.lines import draw_lines, number_ticks
from research.report.figures.style import (
    Width,
    add_caption,
    label_percent,
    style_arms,
    styled,
)
from research.report.results import Results

TITLES = {"input": "Map that enters", "reduced": "Reduced", "filtered": "Filtered"}
LABELS = {
    "folded": "Energy that folds",
    "share": "Energy above Nyquist",
    "share_around_mean": "Energy above Nyquist",
}


@styled
def draw(
    results: Results,
    *,
    measure: Literal["folded", "share", "share_around_mean"] = "folded",
    split: str = "test",
    fewest_seeds: Count = 3,
    width: Width = "two",
) -> Figure:
    """Draws a panel for each map: what enters, what is reduced, what is sampled.

    Args:
      results: with rows of `eval=aliasing`.
      measure: of `research.evals.aliasing`.
      split: of the examples measured.
      fewest_seeds: with fewer, there are no intervals.
      width: `one` or `two` columns.

    Raises:
      UserError: there are no rows of `aliasing`.
    """
    params = ("index", "part", "map", "stride")
    found = results.select("aliasing", measure, *params, split=split)
    panels = {
        TITLES[kind]: estimate_proportions(
            found[found["map"] == kind], ["arm", "index"], fewest_seeds=fewest_seeds
        )
        for kind in TITLES
    }
    numbered, indices = number_ticks(panels, "index")
    figure = draw_lines(
        style_arms(results.arms),
        numbered,
        [str(index + 1) for index in indices],
        label="Downsampler",
        width=width,
    )
    label_percent(figure.axes[0].yaxis, LABELS[measure])
    stated = describe_estimates(pd.concat(panels.values()))
    add_caption(figure, f"{stated} What is sampled is the filtered map.")
    return figure
