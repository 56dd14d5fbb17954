"""Where position is lost: R² of a linear read-out of an object's place, by stage."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from research.report.figures.arms import arms, caption, estimates, select
from research.report.figures.lines import lines, numbered, stages
from research.report.figures.style import looks, note, styled

OBJECTS = {1: "One object's place", 2: "From one object to another"}


@styled
def draw(
    runs: pd.DataFrame,
    rows: pd.DataFrame,
    metrics: pd.DataFrame,
    *,
    split: str = "test",
    fewest_seeds: int = 3,
    width: str = "two",
) -> Figure:
    """Draws a panel for each number of objects, and those of untrained networks.

    Args:
      runs: as `read_runs` returns them.
      rows: as `read_rows` returns them.
      metrics: not used.
      split: of the examples measured.
      fewest_seeds: see `estimates`.
      width: `one` or `two` columns.

    Raises:
      UserError: there are no rows of `location`.
    """
    del metrics
    runs = arms(runs)
    rows = rows.merge(runs[["path", "arm"]], on="path")
    params = ("index", "part", "weights", "objects")
    found = select(rows, "location", "r2", *params, split=split)
    panels = {}
    for objects, group in found.groupby("objects"):
        for weights in ("trained", "untrained"):
            shown = group[group["weights"].isin([weights, "none"])]
            panels[f"{OBJECTS[objects]}, {weights}"] = estimates(
                shown, ["arm", "index", "part"], fewest_seeds=fewest_seeds
            )
    ticked, _ = numbered(panels, "index")
    titles = [title.replace(", ", ",\n") for title in ticked]
    figure = lines(
        looks(runs),
        dict(zip(titles, ticked.values(), strict=True)),
        stages(panels),
        label="After stage",
        named=True,
        width=width,
        height=3.0,
    )
    figure.axes[0].set_ylabel("R² of the place (held out)")
    drawn = pd.concat(panels.values())
    note(
        figure,
        f"{caption(drawn)} Ridge regression on a random projection of each map to one "
        "number of features; the pixels go through the same.",
    )
    return figure
