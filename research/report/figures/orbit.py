"""The agreement map: which of all circular shifts change the prediction."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from research.report.figures.arms import arms, caption, proportions, select
from research.report.figures.style import canvas, note, styled
from research.runs.rows import read_arrays

COLUMNS = {"one": 2, "two": 5}  # maps side by side


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
    """Draws a map for each arm, all on one scale, no shift in the middle.

    Args:
      runs: as `read_runs` returns them.
      rows: as `read_rows` returns them.
      metrics: not used.
      split: of the examples measured.
      fewest_seeds: see `estimates`.
      width: `one` or `two` columns.

    Raises:
      UserError: there are no rows of `orbit`.
    """
    del metrics
    rows = rows.merge(arms(runs)[["path", "arm"]], on="path")
    found = select(rows, "orbit", "agreement", split=split)
    summary = proportions(found, ["arm"], fewest_seeds=fewest_seeds)
    maps = {
        arm: centred(
            np.mean(
                [
                    read_arrays(path, "orbit", split)["orbit/agreement/map"]
                    for path in paths
                ],
                axis=0,
            )
        )
        for arm, paths in found.groupby("arm", sort=False)["path"]
    }
    columns = min(COLUMNS[width], len(maps))
    lines = math.ceil(len(maps) / columns)
    figure, grid = canvas(
        width, 0.75 + 1.55 * lines, nrows=lines, ncols=columns, squeeze=False
    )
    lowest = min(one.min() for one in maps.values())
    for axes in grid.flat[len(maps) :]:
        axes.set_axis_off()
    for axes, (_, line) in zip(grid.flat, summary.iterrows(), strict=False):
        shown = maps[line["arm"]]
        height, across = shown.shape
        top, left = height // 2, across // 2
        image = axes.imshow(
            100 * shown,
            cmap="viridis",
            vmin=100 * lowest,
            vmax=100,
            interpolation="nearest",
            extent=(-left - 0.5, across - left - 0.5, height - top - 0.5, -top - 0.5),
        )
        axes.grid(False)
        axes.set_title(f"{line['arm']}\n{100 * line['value']:.1f} %")
    for axes in grid[:, 0]:
        axes.set_ylabel("Down (px)")
    for axes in grid[-1]:
        axes.set_xlabel("Right (px)")
    figure.colorbar(image, ax=grid, label="Agreement (%)", shrink=0.8, aspect=25)
    note(
        figure,
        f"{caption(summary).partition(' Bars')[0]} Colour: share of images whose "
        "prediction is that of the unshifted image, for each circular shift; above a "
        "map its mean over all shifts.",
    )
    return figure


def centred(shifts: np.ndarray) -> np.ndarray:
    """Puts no shift in the middle: entry (⌊H/2⌋, ⌊W/2⌋)."""
    height, width = shifts.shape
    return np.roll(shifts, (height // 2, width // 2), (0, 1))
