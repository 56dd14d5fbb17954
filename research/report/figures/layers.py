"""Layerwise equivariance: after which stage the map stops moving with the image."""

from __future__ import annotations

from typing import Literal

import pandas as pd
from matplotlib.figure import Figure

from research.ranges import Count
from research.report.estimates import describe_estimates, estimate_means
from research.report.figures.lines import draw_lines, name_stages, number_ticks
from research.report.figures.style import Width, add_caption, style_arms, styled
from research.report.results import Results

LABELS = {"error": "‖T F(x) − F(T x)‖ / ‖F(x)‖", "cosine": "Cosine"}


@styled
def draw(
    results: Results,
    *,
    measure: Literal["error", "cosine"] = "error",
    split: str = "test",
    fewest_seeds: Count = 3,
    width: Width = "two",
) -> Figure:
    """Draws a panel for each shift.

    Args:
      results: with rows of `eval=layers`.
      measure: `error` or `cosine` of `research.evals.layers`.
      split: of the examples measured.
      fewest_seeds: with fewer, intervals are over examples.
      width: `one` or `two` columns.

    Raises:
      UserError: there are no rows of `layers`.
    """
    params = ("index", "part", "stride", "shift", "grid")
    found = results.select("layers", measure, *params, split=split)
    by = ["arm", "index", "part", "stride"]
    panels = {
        f"Shift by {dy} px down, {dx} right": estimate_means(
            group, by, fewest_seeds=fewest_seeds
        )
        for (dy, dx), group in found.groupby("shift")
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
    figure.axes[0].set_ylabel(LABELS[measure])
    add_caption(
        figure,
        f"{describe_estimates(pd.concat(panels.values()))} Circular shifts. Where a "
        "stage's stride divides the shift, its map should move with the image; "
        "elsewhere the maps are compared after the roll that fits best.",
    )
    return figure
