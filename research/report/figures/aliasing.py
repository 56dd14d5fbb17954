"""Aliasing: what of the maps before each downsampler is too fine for its grid."""

from __future__ import annotations

from typing import Literal

import pandas as pd

from research.ranges import Count
from research.report.estimates import describe_estimates, estimate_proportions
from research.report.figures.findings import compare_arms, list_last
from research.report.figures.lines import draw_lines, label_values, number_ticks
from research.report.figures.style import (
    Width,
    style_arms,
    styled,
)
from research.report.figures.texts import Drawn, describe
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
    width: Width | None = None,
) -> Drawn:
    """Draws a panel for each map: what enters, what is reduced, what is sampled.

    Args:
      results: with rows of `eval=aliasing`.
      measure: of `research.evals.aliasing`.
      split: of the examples measured.
      fewest_seeds: with fewer, there are no intervals.
      width: `one` or `two` columns; None for what the style in use has.

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
    styles = style_arms(results.arms)
    figure = draw_lines(
        styles,
        numbered,
        [str(index + 1) for index in indices],
        label="Downsampler",
        width=width,
    )
    label_values(figure, LABELS[measure], better=-1)
    names = {arm: one.name for arm, one in styles.items()}
    sampled = panels[TITLES["filtered"]].groupby("arm", as_index=False)["value"].max()
    describe(
        figure,
        f"{LABELS[measure]}, of the map that is sampled, at the worst downsampler: "
        f"{compare_arms(sampled, names)}",
        shows="How much of the maps at each downsampler is too fine for its grid.",
        numbers=list_last(numbered, names, "at the last downsampler"),
        note=f"{describe_estimates(pd.concat(panels.values()))} What is sampled is the "
        "filtered map.",
    )
    return figure
