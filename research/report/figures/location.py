"""Where position is lost: R² of a linear read-out of an object's place, by stage."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from research.ranges import Count
from research.report.estimates import describe_estimates, estimate_means
from research.report.figures.lines import draw_lines, name_stages, number_ticks
from research.report.figures.style import Width, add_caption, style_arms, styled
from research.report.results import Results

OBJECTS = {1: "One object's place", 2: "From one object to another"}


@styled
def draw(
    results: Results,
    *,
    split: str = "test",
    fewest_seeds: Count = 3,
    width: Width = "two",
) -> Figure:
    """Draws a panel per number of objects, for trained and for untrained networks.

    Args:
      results: with rows of `eval=location`.
      split: of the examples measured.
      fewest_seeds: with fewer, intervals are over examples.
      width: `one` or `two` columns.

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
    figure = draw_lines(
        style_arms(results.arms),
        numbered,
        name_stages(panels),
        label="After stage",
        slanted=True,
        width=width,
        height=3.0,
    )
    figure.axes[0].set_ylabel("R² of the place (held out)")
    add_caption(
        figure,
        f"{describe_estimates(pd.concat(panels.values()))} Ridge regression on a "
        "random projection of each map to one number of features; the pixels go "
        "through the same.",
    )
    return figure
