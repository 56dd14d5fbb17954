"""Training curves: loss and accuracy against the epoch."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from research.errors import UserError
from research.report.figures.arms import arms, seeds, span
from research.report.figures.style import (
    canvas,
    legend,
    letter,
    logarithmic,
    looks,
    note,
    percent,
    styled,
)


@styled
def draw(
    runs: pd.DataFrame,
    rows: pd.DataFrame,
    metrics: pd.DataFrame,
    *,
    splits: Sequence[str] = ("train", "validation", "test"),
    width: str = "two",
) -> Figure:
    """Draws the mean over seeds with their range; a column of panels for each split.

    Args:
      runs: as `read_runs` returns them.
      rows: not used.
      metrics: as `read_metrics` returns them.
      splits: the columns, as far as there are rows.
      width: `one` or `two` columns.

    Raises:
      UserError: there are no training rows.
    """
    runs = arms(runs)
    metrics = metrics.merge(runs[["path", "arm"]], on="path")
    present = [split for split in splits if (metrics["split"] == split).any()]
    if not present:
        raise UserError(
            f"no rows of {', '.join(splits)} in any metrics.jsonl; choose runs=… that "
            "scripts/train.py made"
        )
    shape = {"nrows": 2, "ncols": len(present), "squeeze": False}
    figure, grid = canvas(width, 4.2, sharex=True, sharey="row", **shape)
    for column, split in enumerate(present):
        of_split = metrics[metrics["split"] == split]
        for row, measure in enumerate(["loss", "accuracy"]):
            axes = grid[row, column]
            for arm, look in looks(runs).items():
                over = of_split[of_split["arm"] == arm].groupby("epoch")[measure]
                low, mean, high = over.min(), over.mean(), over.max()
                axes.plot(mean, color=look.color, linestyle=look.line, label=arm)
                axes.fill_between(
                    mean.index, low, high, color=look.color, alpha=0.2, linewidth=0
                )
            letter(axes, row * len(present) + column, f"{measure.title()}, {split}")
        grid[1, column].set_xlabel("Epoch")
    logarithmic(grid[0, 0])
    grid[0, 0].set_ylabel("Loss (nats)")
    percent(grid[1, 0].yaxis, "Accuracy")
    legend(figure, grid[0, 0])
    per_arm = metrics.groupby("arm")["seed"].nunique()
    lines = f"Lines: mean of {seeds(per_arm)}; bands: range over seeds."
    note(figure, f"{examples(metrics, present)}{lines}")
    return figure


def examples(metrics: pd.DataFrame, splits: Sequence[str]) -> str:
    """States over how many examples each split's rows are means, if they say so."""
    if "examples" not in metrics:
        return ""
    known = metrics.dropna(subset="examples").astype({"examples": int})
    counts = {split: known.loc[known["split"] == split, "examples"] for split in splits}
    stated = [f"{span(n)} {split}" for split, n in counts.items() if len(n)]
    return f"Examples an epoch: {', '.join(stated)}. " if stated else ""
