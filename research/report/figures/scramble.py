"""Accuracy against the size of scrambled patches: how much places matter."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from research.errors import UserError
from research.report.figures.arms import arms, caption, proportions, select
from research.report.figures.lines import lines, numbered
from research.report.figures.style import looks, note, percent, styled

PROTOCOLS = {
    "patch": ("grid", "Patches permuted", "Patches of an image"),
    "pixel": ("block", "Pixels permuted within blocks", "Pixels of a block"),
}


@styled
def draw(
    runs: pd.DataFrame,
    rows: pd.DataFrame,
    metrics: pd.DataFrame,
    *,
    measure: str = "accuracy",
    split: str = "test",
    fewest_seeds: int = 3,
    width: str = "two",
) -> Figure:
    """Draws a panel for permuted patches and one for pixels permuted within blocks.

    Args:
      runs: as `read_runs` returns them.
      rows: as `read_rows` returns them.
      metrics: not used.
      measure: `accuracy`, or `agreement` with the whole image.
      split: of the examples measured.
      fewest_seeds: see `estimates`.
      width: `one` or `two` columns.

    Raises:
      UserError: there are no rows of either.
    """
    del metrics
    runs = arms(runs)
    rows = rows.merge(runs[["path", "arm"]], on="path")
    panels, labels = {}, []
    for protocol, (param, title, label) in PROTOCOLS.items():
        try:
            found = select(rows, protocol, measure, param, split=split)
        except UserError as missing:
            reason = missing
            continue
        labels.append(f"{label} (rows × columns)")
        found = found.assign(many=found[param])
        panels[title] = proportions(found, ["arm", "many"], fewest_seeds=fewest_seeds)
    if not panels:
        raise reason
    ticked, sizes = numbered(panels, "many")
    figure = lines(
        looks(runs),
        ticked,
        [f"{height}×{width}" for height, width in sizes],
        label="",
        width=width,
    )
    for axes, label in zip(figure.axes, labels, strict=True):
        axes.set_xlabel(label)
    percent(figure.axes[0].yaxis, measure.capitalize())
    note(figure, caption(pd.concat(panels.values())))
    return figure
