"""The spatial attack: mean accuracy, and that at the worst of several sets of poses."""

from __future__ import annotations

import pandas as pd

from research.ranges import Count
from research.report.estimates import describe_estimates, estimate_proportions
from research.report.figures.findings import compare_arms, keep_last, list_last
from research.report.figures.lines import draw_lines, label_values
from research.report.figures.style import (
    Width,
    style_arms,
    styled,
)
from research.report.figures.texts import Drawn, describe
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
    width: Width | None = None,
) -> Drawn:
    """Draws the accuracy of each arm under each attack.

    Args:
      results: with rows of `eval=spatial`.
      split: of the examples measured.
      fewest_seeds: with fewer, intervals are over examples.
      width: `one` or `two` columns; None for what the style in use has.

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
    styles = style_arms(results.arms)
    panels = {"Rotations and translations": found}
    figure = draw_lines(
        styles,
        panels,
        [ATTACKS[attack] for attack in present],
        label="",
        width=width,
        joined=False,
    )
    label_values(figure, "Accuracy", better=1)
    names = {arm: one.name for arm, one in styles.items()}
    (worst,) = keep_last(panels).values()
    describe(
        figure,
        f"Accuracy at the {ATTACKS[present[-1]]}: {compare_arms(worst, names)}",
        shows="Accuracy where images are turned and moved: in the mean, and at worst.",
        numbers=list_last(panels, names, ATTACKS[present[-1]]),
        note=describe_estimates(found),
    )
    return figure


def of_grid(rows: pd.DataFrame) -> pd.DataFrame:
    """Returns the means over the whole grid, as an attack of their own."""
    return rows[rows["attack"] == "grid"].assign(attack="mean")
