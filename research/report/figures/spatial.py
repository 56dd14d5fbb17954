"""The spatial attack: mean accuracy, and that at the worst of several sets of poses."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from research.ranges import Count
from research.report.estimates import describe_estimates, estimate_proportions
from research.report.figures.lines import draw_lines
from research.report.figures.style import (
    Width,
    add_caption,
    label_percent,
    style_arms,
    styled,
)
from research.report.results import Results

ATTACKS = {
    "mean": "mean of grid",
    "translation": "worst translation",
    "rotation": "worst rotation",
    "random": "worst of draws",
    "grid": "worst of grid",
}
DRAWN = ("attack", "draws")


@styled
def draw(
    results: Results,
    *,
    split: str = "test",
    fewest_seeds: Count = 3,
    width: Width = "two",
) -> Figure:
    """Draws the accuracy of each arm under each attack.

    Args:
      results: with rows of `eval=spatial`.
      split: of the examples measured.
      fewest_seeds: with fewer, intervals are over examples.
      width: `one` or `two` columns.

    Raises:
      UserError: there are no rows of `spatial`.
    """
    rows = pd.concat(
        [
            of_grid(results.select("spatial", "accuracy", "attack", split=split)),
            results.select("spatial", "worst_accuracy", "attack", split=split),
            results.select("spatial", "worst_accuracy", *DRAWN, split=split),
        ]
    )
    found = estimate_proportions(rows, ["arm", "attack"], fewest_seeds=fewest_seeds)
    present = [attack for attack in ATTACKS if (found["attack"] == attack).any()]
    found["tick"] = found["attack"].map(present.index)
    figure = draw_lines(
        style_arms(results.arms),
        {"Rotations and translations": found},
        [ATTACKS[attack] for attack in present],
        label="",
        width=width,
        joined=False,
    )
    label_percent(figure.axes[0].yaxis, "Accuracy")
    add_caption(figure, describe_estimates(found))
    return figure


def of_grid(rows: pd.DataFrame) -> pd.DataFrame:
    """Returns the means over the whole grid, as an attack of their own."""
    return rows[rows["attack"] == "grid"].assign(attack="mean")
