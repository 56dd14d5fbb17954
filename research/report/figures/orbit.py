"""The agreement map: which of all circular shifts change the prediction."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.image import AxesImage

from research.ranges import Count
from research.report.estimates import describe_estimates, estimate_proportions
from research.report.figures.findings import compare_arms, list_numbers, sort_arms
from research.report.figures.style import Width, create_axes, styled
from research.report.figures.texts import Drawn, describe
from research.report.results import Results
from research.report.words import name_arms

NAME = 20  # characters in a line of an arm's name
COLUMNS: dict[Width, int] = {"one": 2, "two": 5}  # maps side by side


@styled
def draw(
    results: Results,
    *,
    protocol: Literal["orbit", "fractional_orbit"] = "orbit",
    split: str = "test",
    fewest_seeds: Count = 3,
    width: Width = "two",
) -> Drawn:
    """Draws a map for each arm, all on one scale, no shift in the middle.

    Args:
      results: with rows of the protocol.
      protocol: all shifts by whole pixels, or by multiples of a fraction, of which the
        finest measured is drawn.
      split: of the examples measured.
      fewest_seeds: with fewer, intervals are over examples.
      width: `one` or `two` columns.

    Raises:
      UserError: there are no rows of the protocol.
    """
    params = () if protocol == "orbit" else ("upsampling",)
    found = results.select(protocol, "agreement", *params, split=split)
    fine = 1
    if params:
        fine = int(found["upsampling"].max())
        found = found[found["upsampling"] == fine]
    summary = sort_arms(estimate_proportions(found, ["arm"], fewest_seeds=fewest_seeds))
    maps = {
        arm: centre_shifts(mean_map(results, rows))
        for arm, rows in found.groupby("arm", sort=False)
    }
    columns = min(COLUMNS[width], len(maps))
    lines = math.ceil(len(maps) / columns)
    figure, grid = create_axes(
        width, 0.9 + 1.7 * lines, nrows=lines, ncols=columns, squeeze=False
    )
    names = name_arms(results.arms)
    image = draw_maps(grid, maps, summary, names, fine)
    figure.colorbar(
        image, ax=grid, label="Agreement (%)   better →", shrink=0.8, aspect=25
    )
    steps = "whole pixels" if fine == 1 else f"multiples of 1/{fine} px"
    describe(
        figure,
        f"Agreement over all circular shifts by {steps}: "
        f"{compare_arms(summary, names)}",
        shows="Colour: share of images whose prediction is that of the unshifted "
        f"image, for each circular shift by {steps}; above a map its mean over all.",
        numbers=f"Means: {list_numbers(summary, names)}",
        note=describe_estimates(summary).partition(" Bars")[0],
    )
    return figure


def mean_map(results: Results, rows: pd.DataFrame) -> np.ndarray:
    """Returns the mean over runs of agreement with each shift, (H, W)."""
    return np.mean([results.array(row, "map") for _, row in rows.iterrows()], axis=0)


def draw_maps(
    grid: np.ndarray,
    maps: Mapping[str, np.ndarray],
    summary: pd.DataFrame,
    names: Mapping[str, str],
    fine: int = 1,
) -> AxesImage:
    """Draws the maps of all arms on one scale, and returns the last.

    Args:
      grid: of axes, at least as many as maps.
      maps: arm → agreement of each shift, (H, W), as `centre_shifts` returns it.
      summary: the mean of each arm, in the order drawn.
      names: of arms, in words.
      fine: shifts in a pixel, along each axis.
    """
    lowest = min(one.min() for one in maps.values())
    for axes in grid.flat[len(maps) :]:
        axes.set_axis_off()
    for axes, (_, line) in zip(grid.flat, summary.iterrows(), strict=False):
        shown = maps[line["arm"]]
        height, across = shown.shape
        top, left = height // 2, across // 2
        edges = (-left - 0.5, across - left - 0.5, height - top - 0.5, -top - 0.5)
        image = axes.imshow(
            100 * shown,
            cmap="viridis",
            vmin=100 * lowest,
            vmax=100,
            interpolation="nearest",
            extent=tuple(edge / fine for edge in edges),
        )
        axes.grid(False)
        axes.set_title(
            f"{textwrap.fill(names[line['arm']], NAME)}\n{100 * line['value']:.1f} %"
        )
    for axes in grid[:, 0]:
        axes.set_ylabel("Down (px)")
    for axes in grid[-1]:
        axes.set_xlabel("Right (px)")
    return image


def centre_shifts(shifts: np.ndarray) -> np.ndarray:
    """Puts no shift in the middle: entry (⌊H/2⌋, ⌊W/2⌋)."""
    height, width = shifts.shape
    return np.roll(shifts, (height // 2, width // 2), (0, 1))
