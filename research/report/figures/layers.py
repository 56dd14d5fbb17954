"""Layerwise equivariance: after which stage the map stops moving with the image."""

from __future__ import annotations

from typing import Literal

import pandas as pd

from research.ranges import Count
from research.report.estimates import describe_estimates, estimate_means
from research.report.figures.findings import compare_arms, list_last
from research.report.figures.lines import (
    draw_lines,
    label_values,
    name_stages,
    number_ticks,
)
from research.report.figures.style import Width, style_arms, styled
from research.report.figures.texts import Drawn, describe
from research.report.formats import format_number
from research.report.results import Results

BETTER = {"error": -1, "cosine": 1}
LABELS = {"error": "‖T F(x) − F(T x)‖ / ‖F(x)‖", "cosine": "Cosine"}


@styled
def draw(
    results: Results,
    *,
    measure: Literal["error", "cosine"] = "error",
    split: str = "test",
    fewest_seeds: Count = 3,
    width: Width | None = None,
) -> Drawn:
    """Draws a panel for each shift.

    Args:
      results: with rows of `eval=layers`.
      measure: `error` or `cosine` of `research.evals.layers`.
      split: of the examples measured.
      fewest_seeds: with fewer, intervals are over examples.
      width: `one` or `two` columns; None for what the style in use has.

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
    styles = style_arms(results.arms)
    figure = draw_lines(
        styles,
        numbered,
        name_stages(panels),
        label="Stage",
        slanted=True,
        width=width,
    )
    label_values(figure, LABELS[measure], percent=False, better=BETTER[measure])
    names = {arm: one.name for arm, one in styles.items()}
    means = pd.concat(panels.values()).groupby("arm", as_index=False)["value"].mean()
    word = "error" if measure == "error" else "cosine"
    describe(
        figure,
        f"Mean {word} over the stages: {compare_arms(means, names, format_number)}",
        shows="How far the map after each stage is from moving with the image.",
        numbers=list_last(numbered, names, "after the last stage", percent=False),
        note=f"{describe_estimates(pd.concat(panels.values()))} Circular shifts. Where "
        "a stage's stride divides the shift, its map should move with the image; "
        "elsewhere the maps are compared after the roll that fits best.",
    )
    return figure
