"""Where position is lost: R² of a linear read-out of an object's place, by stage."""

from __future__ import annotations

import pandas as pd

from research.ranges import Count
from research.report.estimates import describe_estimates, estimate_means
from research.report.figures.findings import compare_arms, keep_last, list_last
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

OBJECTS = {1: "Place of one object", 2: "From one to another"}


@styled
def draw(
    results: Results,
    *,
    split: str = "test",
    fewest_seeds: Count = 3,
    width: Width | None = None,
) -> Drawn:
    """Draws a panel per number of objects, for trained and for untrained networks.

    Args:
      results: with rows of `eval=location`.
      split: of the examples measured.
      fewest_seeds: with fewer, intervals are over examples.
      width: `one` or `two` columns; None for what the style in use has.

    Raises:
      UserError: there are no rows of `location`.
    """
    params = ("index", "part", "weights", "objects")
    found = results.select("location", "r2", *params, split=split)
    panels = {}
    for objects, group in found.groupby("objects"):
        for weights in ("trained", "untrained"):
            shown = group[group["weights"].isin([weights, "none"])]
            panels[f"{OBJECTS[objects]},\n{weights}"] = estimate_means(
                shown, ["arm", "index", "part"], fewest_seeds=fewest_seeds
            )
    numbered, _ = number_ticks(panels, "index")
    styles = style_arms(results.arms)
    figure = draw_lines(
        styles,
        numbered,
        name_stages(panels),
        label="After stage",
        slanted=True,
        width=width,
        height=3.0,
    )
    label_values(figure, "R² of the place (held out)", percent=False, better=1)
    names = {arm: one.name for arm, one in styles.items()}
    title, found = next(iter(keep_last(numbered).items()))
    what = title.replace("\n", " ")
    describe(
        figure,
        f"{what}, R² after the last stage: {compare_arms(found, names, format_number)}",
        shows="How well a linear read-out of the map after each stage finds objects.",
        numbers=list_last(numbered, names, "after the last stage", percent=False),
        note=f"{describe_estimates(pd.concat(panels.values()))} Ridge regression on a "
        "random projection of each map to one number of features; the pixels go "
        "through the same.",
    )
    return figure
