"""Layerwise equivariance: after which stage the map stops moving with the image."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from research.report.figures.arms import arms, caption, estimates, select
from research.report.figures.lines import lines, numbered, stages
from research.report.figures.style import looks, note, styled


@styled
def draw(
    runs: pd.DataFrame,
    rows: pd.DataFrame,
    metrics: pd.DataFrame,
    *,
    measure: str = "error",
    split: str = "test",
    fewest_seeds: int = 3,
    width: str = "two",
) -> Figure:
    """Draws a panel for each shift.

    Args:
      runs: as `read_runs` returns them.
      rows: as `read_rows` returns them.
      metrics: not used.
      measure: `error` or `cosine` of `research.evals.layers`.
      split: of the examples measured.
      fewest_seeds: see `estimates`.
      width: `one` or `two` columns.

    Raises:
      UserError: there are no rows of `layers`.
    """
    del metrics
    runs = arms(runs)
    rows = rows.merge(runs[["path", "arm"]], on="path")
    params = ("index", "part", "stride", "shift", "grid")
    found = select(rows, "layers", measure, *params, split=split)
    by = ["arm", "index", "part", "stride"]
    panels = {
        f"Shift by {dy} px down, {dx} right": estimates(
            group, by, fewest_seeds=fewest_seeds
        )
        for (dy, dx), group in found.groupby("shift")
    }
    ticked, _ = numbered(panels, "index")
    figure = lines(
        looks(runs), ticked, stages(panels), label="Stage", named=True, width=width
    )
    label = {"error": "‖T F(x) − F(T x)‖ / ‖F(x)‖", "cosine": "Cosine"}[measure]
    figure.axes[0].set_ylabel(label)
    note(
        figure,
        f"{caption(pd.concat(panels.values()))} Circular shifts. Where a stage's "
        "stride divides the shift, its map should move with the image; elsewhere the "
        "maps are compared after the roll that fits best.",
    )
    return figure
