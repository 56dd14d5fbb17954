"""Effective receptive fields as images: what the middle of each stage looks at."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from research.report.figures.arms import arms, seeds, select, span
from research.report.figures.style import canvas, note, styled
from research.runs.rows import read_arrays


@styled
def draw(
    runs: pd.DataFrame,
    rows: pd.DataFrame,
    metrics: pd.DataFrame,
    *,
    stages: int = 6,
    split: str = "test",
    width: str = "two",
) -> Figure:
    """Draws a line of fields for each arm, means over seeds, each up to its own peak.

    Args:
      runs: as `read_runs` returns them.
      rows: as `read_rows` returns them.
      metrics: not used.
      stages: how many, from the last backwards at equal distances.
      split: of the images.
      width: `one` or `two` columns.

    Raises:
      UserError: there are no rows of `receptive`.
    """
    del metrics
    rows = rows.merge(arms(runs)[["path", "arm"]], on="path")
    found = select(rows, "receptive", "size", "index", "part", split=split)
    groups = dict(list(found.groupby("arm", sort=False)))
    shown = min(stages, *(group["index"].nunique() for group in groups.values()))
    shape = {"nrows": len(groups), "ncols": shown, "squeeze": False}
    figure, grid = canvas(width, 0.55 + 1.3 * len(groups), **shape)
    paths = found["path"].unique()
    arrays = {path: read_arrays(path, "receptive", split) for path in paths}
    for line, (arm, group) in zip(grid, groups.items(), strict=True):
        depth = group["index"].max() + 1
        chosen = np.unique(np.linspace(depth / shown, depth, shown).round() - 1)
        for axes, index in zip(line, chosen.astype(int), strict=True):
            stage = group[group["index"] == index]
            part = stage["part"].iloc[0]
            key = f"receptive,index={index},part={part}/size/map"
            field = np.mean([arrays[path][key] for path in stage["path"]], axis=0)
            peak = field.max() or 1
            axes.imshow(
                np.sqrt(field / peak),
                cmap="magma",
                vmin=0,
                vmax=1,
                interpolation="nearest",
            )
            axes.set(xticks=[], yticks=[])
            axes.set_title(f"{index + 1} {part}\n{stage['value'].mean():.1f} px")
        line[0].set_ylabel(arm)
    per_arm = found.groupby("arm")["path"].nunique()
    note(
        figure,
        f"{span(found['n'])} images, {seeds(per_arm)}. Brightness: square root of the "
        "mean |∂ centre / ∂ pixel|, of its peak; above each its size, √(pixels above "
        "4.55 % of the peak).",
    )
    return figure
