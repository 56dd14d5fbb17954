"""The agreement map: which of all circular shifts change the prediction."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from research.ranges import Count
from research.report.estimates import describe_estimates, estimate_proportions
from research.report.figures.style import Width, add_caption, create_axes, styled
from research.report.results import Results

COLUMNS: dict[Width, int] = {"one": 2, "two": 5}  # maps side by side


@styled
def draw(
    results: Results,
    *,
    split: str = "test",
    fewest_seeds: Count = 3,
    width: Width = "two",
) -> Figure:
    """Draws a map for each arm, all on one scale, no shift in the middle.

    Args:
      results: with rows of `eval=orbit`.
      split: of the examples measured.
      fewest_seeds: with fewer, intervals are over examples.
      width: `one` or `two` columns.

    Raises:
      UserError: there are no rows of `orbit`.
    """
    found = results.select("orbit", "agreement", split=split)
    summary = estimate_proportions(found, ["arm"], fewest_seeds=fewest_seeds)
    maps = {
        arm: centre_shifts(mean_map(results, paths, split))
        for arm, paths in found.groupby("arm", sort=False)["path"]
    }
    columns = min(COLUMNS[width], len(maps))
    lines = math.ceil(len(maps) / columns)
    figure, grid = create_axes(
        width, 0.75 + 1.55 * lines, nrows=lines, ncols=columns, squeeze=False
    )
    image = draw_maps(grid, maps, summary)
    figure.colorbar(image, ax=grid, label="Agreement (%)", shrink=0.8, aspect=25)
    add_caption(
        figure,
        f"{describe_estimates(summary).partition(' Bars')[0]} Colour: share of images "
        "whose prediction is that of the unshifted image, for each circular shift; "
        "above a map its mean over all shifts.",
    )
    return figure


def mean_map(results: Results, paths: pd.Series, split: str) -> np.ndarray:
    """Returns the mean over runs of agreement with each shift, (H, W)."""
    maps = [results.arrays(path, "orbit", split) for path in paths]
    return np.mean([arrays["orbit/agreement/map"] for arrays in maps], axis=0)


def draw_maps(
    grid: np.ndarray, maps: Mapping[str, np.ndarray], summary: pd.DataFrame
) -> AxesImage:
    """Draws the maps of all arms on one scale, and returns the last.

    Args:
      grid: of axes, at least as many as maps.
      maps: arm → agreement of each shift, (H, W), as `centre_shifts` returns it.
      summary: the mean of each arm, in the order drawn.
    """
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
    return image


def centre_shifts(shifts: np.ndarray) -> np.ndarray:
    """Puts no shift in the middle: entry (⌊H/2⌋, ⌊W/2⌋)."""
    height, width = shifts.shape
    return np.roll(shifts, (height // 2, width // 2), (0, 1))
