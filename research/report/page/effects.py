"""What the axes of a plane of downsamplers do: cells, main effects, interactions."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import pandas as pd

from research.errors import UserError
from research.report.estimates import (
    describe_estimates,
    estimate_means,
    estimate_proportions,
    keep_largest_shift,
    select_available,
)
from research.stats import NO_INTERVAL, t_interval

AXES = ("reduce", "lowpass", "sample")
MEASURES = {
    "accuracy": ("accuracy", "accuracy"),
    "agreement, circular shifts": ("circular", "agreement", "max_shift"),
    "agreement, zero-filled shifts": ("zero", "agreement", "max_shift"),
    "agreement, all circular shifts": ("orbit", "agreement"),
    "worst-case accuracy, all circular shifts": ("orbit", "worst_accuracy"),
    "mean absolute change, circular shifts": ("circular", "mac", "max_shift"),
}


def measure_plane(
    rows: pd.DataFrame, *, split: str, fewest_seeds: int
) -> Iterator[dict[str, Any]]:
    """Yields each measure there are rows of: its cells and its main effects.

    Args:
      rows: of the runs of a plane, with a column for each axis.
      split: of the examples measured.
      fewest_seeds: with fewer, intervals are over examples.
    """
    try:
        available = select_available(rows, MEASURES, split=split)
    except UserError:  # of no measure
        return
    for title, measured in available.items():
        name, found = keep_largest_shift(measured, title)
        complete = keep_complete_seeds(found)
        cells = estimate_proportions(found, list(AXES), fewest_seeds=fewest_seeds)
        yield {
            "name": name,
            "caption": describe_estimates(cells, "Brackets"),
            "cells": to_lines(cells, [*AXES, "value", "low", "high"]),
            "interactions": estimate_interactions(complete, fewest_seeds),
            "effects": {
                axis: estimate_effects(complete, axis, fewest_seeds) for axis in AXES
            },
        }


def sort_levels(levels: Collection[str]) -> list[str]:
    """Returns the levels, those that do nothing first."""
    nothing = {"identity": 0, "none": 0, "first": 0}
    return sorted(levels, key=lambda level: (nothing.get(level, 1), level))


def estimate_effects(
    rows: pd.DataFrame, axis: str, fewest_seeds: int
) -> list[list[Any]]:
    """Returns the mean of each level of an axis over all levels of the others.

    Args:
      rows: of one measure and of seeds with every combination; a column for each axis.
      axis: whose levels are compared.
      fewest_seeds: with fewer, an interval's ends are means of those over examples.

    Returns:
      Level, value, low, high; nothing of an axis with one level.
    """
    levels = sort_levels(set(rows[axis]))
    if len(levels) < 2:
        return []
    numbers = {"value": "mean", "low": "mean", "high": "mean", "n": "min"}
    means = rows.groupby([axis, "seed"], as_index=False).agg(
        numbers | {"interval": "first"}
    )
    found = estimate_means(means, [axis], fewest_seeds=fewest_seeds).set_index(axis)
    return to_lines(found.loc[levels].reset_index(), [axis, "value", "low", "high"])


def keep_complete_seeds(rows: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows of those seeds that every combination was run with."""
    cells = len(rows[list(AXES)].drop_duplicates())
    return rows[rows.groupby("seed")["seed"].transform("size") == cells]


def estimate_interactions(rows: pd.DataFrame, fewest_seeds: int) -> list[list[Any]]:
    """Returns, for each cell, its value less what the main effects add up to.

    grand mean + Σ over axes of (mean of the level − grand mean), within each seed; the
    intervals are Student's over seeds, from `fewest_seeds` on.

    Args:
      rows: of one measure and of seeds with every combination; a column for each axis.
      fewest_seeds: with fewer there are no intervals.

    Returns:
      Levels, difference, low, high of each cell; none without such a seed.
    """
    table = rows.pivot(index="seed", columns=list(AXES), values="value")
    if table.empty:
        return []
    grand = table.mean(axis=1)
    additive = table * 0
    for axis in AXES:
        for level in table.columns.unique(axis):
            at = table.columns.get_level_values(axis) == level
            effect = table.loc[:, at].mean(axis=1) - grand
            additive.loc[:, at] = additive.loc[:, at].add(effect, axis=0)
    rest = table.sub(grand, axis=0) - additive
    found = []
    for levels, values in rest.items():
        ends = (
            t_interval(values.to_numpy())
            if len(values) >= fewest_seeds
            else NO_INTERVAL
        )
        found.append([*levels, float(values.mean()), ends.low, ends.high])
    table = pd.DataFrame(found, columns=[*AXES, "value", "low", "high"])
    return to_lines(table, list(table))


def to_lines(table: pd.DataFrame, columns: list[str]) -> list[list[Any]]:
    """Returns lines of a table in JSON's types, numbers to six digits."""
    return [
        [
            round(value, 6)
            if isinstance(value, float) and value == value
            else (value if isinstance(value, str) else None)
            for value in line
        ]
        for line in table[columns].itertuples(index=False)
    ]
