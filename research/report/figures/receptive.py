"""Effective receptive fields as images: what the middle of each stage looks at."""

from __future__ import annotations

import textwrap

import numpy as np

from research.ranges import Count
from research.report.estimates import format_range, format_seeds
from research.report.figures.findings import compare_arms
from research.report.figures.style import Width, create_axes, styled
from research.report.figures.texts import Drawn, describe
from research.report.formats import format_number
from research.report.results import Results
from research.report.words import name_arms

NAME = 18  # characters in a line of an arm's name


@styled
def draw(
    results: Results,
    *,
    stages: Count = 6,
    split: str = "test",
    width: Width = "two",
) -> Drawn:
    """Draws a line of fields for each arm, means over seeds, each up to its own peak.

    Args:
      results: with rows of `eval=receptive`.
      stages: how many, from the last backwards at equal distances.
      split: of the examples measured.
      width: `one` or `two` columns.

    Raises:
      UserError: there are no rows of `receptive`.
    """
    found = results.select("receptive", "size", "index", "part", split=split)
    groups = dict(list(found.groupby("arm", sort=False)))
    shown = min(stages, *(group["index"].nunique() for group in groups.values()))
    names = name_arms(results.arms)
    shape = {"nrows": len(groups), "ncols": shown, "squeeze": False}
    figure, grid = create_axes(width, 0.55 + 1.3 * len(groups), **shape)
    paths = found["path"].unique()
    arrays = {path: results.arrays(path, "receptive", split) for path in paths}
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
        line[0].set_ylabel(textwrap.fill(names[str(arm)], NAME))
    seeds = format_seeds(found.groupby("arm")["path"].nunique())
    last = found[found["index"] == found.groupby("arm")["index"].transform("max")]
    sizes = last.groupby("arm", as_index=False, sort=False)["value"].mean()
    said = compare_arms(sizes, names, lambda size: f"{format_number(size)} px")
    describe(
        figure,
        f"The effective field of the last stage: {said}",
        shows="Brightness: square root of the mean |∂ centre / ∂ pixel|, of its peak; "
        "above each its size, √(pixels above 4.55 % of the peak).",
        note=f"{format_range(found['n'])} images, {seeds}.",
    )
    return figure
