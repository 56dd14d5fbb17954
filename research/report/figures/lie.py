"""The Lie derivative over stages: where a network stops being equivariant."""

from __future__ import annotations

from typing import Literal

import pandas as pd

from research.ranges import Count
from research.report.estimates import describe_estimates, estimate_means
from research.report.figures.findings import (
    compare_arms,
    list_numbers,
    show_percent,
)
from research.report.figures.lines import (
    draw_lines,
    label_values,
    name_stages,
    number_ticks,
)
from research.report.figures.style import (
    Width,
    style_arms,
    styled,
)
from research.report.figures.texts import Drawn, describe
from research.report.formats import format_number
from research.report.results import Results

LABELS = {
    "share": "Share of the change",
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
    width: Width | None = None,
) -> Drawn:
    """Draws a panel for each interpolation, a line for each arm.

    Args:
      results: with rows of `eval=lie`.
      measure: of `research.evals.lie`.
      split: of the examples measured.
      fewest_seeds: with fewer, intervals are over examples.
      width: `one` or `two` columns; None for what the style in use has.

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
    styles = style_arms(results.arms)
    figure = draw_lines(
        styles,
        numbered,
        name_stages(panels),
        label="Stage",
        slanted=True,
        width=width,
    )
    shares = measure == "share"
    label_values(figure, LABELS[measure], percent=shares, better=0 if shares else -1)
    names = {arm: one.name for arm, one in styles.items()}
    title, first = next(iter(panels.items()))
    top = first.sort_values("value").groupby("arm", sort=False).tail(1)
    show = show_percent if shares else format_number
    named = {
        arm: f"{names[arm]}, {index + 1} {part}"
        for arm, index, part in top[["arm", "index", "part"]].itertuples(index=False)
    }
    whole = "; the shares of an arm add up to 100 %" if shares else ""
    describe(
        figure,
        f"The stage that breaks equivariance most: {compare_arms(top, named, show)}",
        shows=f"Lie derivatives along shifts, by stage{whole}.",
        numbers=f"{title}, largest stage: {list_numbers(top, named, percent=shares)}",
        note=describe_estimates(pd.concat(panels.values())),
    )
    return figure
