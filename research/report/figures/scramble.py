"""Accuracy against the size of scrambled patches: how much places matter."""

from __future__ import annotations

from typing import Literal

import pandas as pd

from research.ranges import Count
from research.report.estimates import describe_estimates, estimate_proportions
from research.report.figures.findings import compare_arms, keep_last, list_last
from research.report.figures.lines import draw_lines, label_values, number_ticks
from research.report.figures.style import (
    Width,
    style_arms,
    styled,
)
from research.report.figures.texts import Drawn, describe
from research.report.results import Results

PANELS = {  # title: protocol, parameter, label of x
    "Patches permuted": ("patch", "grid", "Patches of an image"),
    "Pixels permuted within blocks": ("pixel", "block", "Pixels of a block"),
}


@styled
def draw(
    results: Results,
    *,
    measure: Literal["accuracy", "agreement"] = "accuracy",
    split: str = "test",
    fewest_seeds: Count = 3,
    width: Width | None = None,
) -> Drawn:
    """Draws a panel for permuted patches and one for pixels permuted within blocks.

    Args:
      results: with rows of `eval=scramble`.
      measure: `accuracy`, or `agreement` with the whole image.
      split: of the examples measured.
      fewest_seeds: with fewer, intervals are over examples.
      width: `one` or `two` columns; None for what the style in use has.

    Raises:
      UserError: there are no rows of either.
    """
    wanted = {
        title: (protocol, measure, param)
        for title, (protocol, param, _) in PANELS.items()
    }
    panels = {
        title: estimate_proportions(
            found.assign(size=found[PANELS[title][1]]),
            ["arm", "size"],
            fewest_seeds=fewest_seeds,
        )
        for title, found in results.select_available(wanted, split=split).items()
    }
    numbered, sizes = number_ticks(panels, "size")
    styles = style_arms(results.arms)
    figure = draw_lines(
        styles,
        numbered,
        [f"{height}×{width}" for height, width in sizes],
        label="",
        width=width,
    )
    for axes, title in zip(figure.axes, panels, strict=True):
        axes.set_xlabel(f"{PANELS[title][2]} (rows × columns)")
    label_values(figure, measure.capitalize())
    names = {arm: one.name for arm, one in styles.items()}
    title, found = next(iter(keep_last(numbered).items()))
    height, width = sizes[int(found["tick"].max())]
    describe(
        figure,
        f"{measure.capitalize()}, {title[:1].lower()}{title[1:]} "
        f"({height}×{width}): {compare_arms(found, names)}",
        shows=f"{measure.capitalize()} on images whose parts have changed places.",
        numbers=list_last(numbered, names, "at the last point"),
        note=describe_estimates(pd.concat(panels.values())),
    )
    return figure
