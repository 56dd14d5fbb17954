"""The plane of downsamplers, reduce × lowpass × sample: cells and main effects."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from itertools import combinations, product
from math import prod
from typing import Any

import pandas as pd

from research.errors import UserError
from research.report.figures.arms import caption, estimates, proportions, select
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
ASIDE = ("downsample.", "data.dir", "data.manual_dir", "eval.")  # says not what was run
Cell = tuple[str, str, str]


def planes(
    runs: pd.DataFrame,
    rows: pd.DataFrame,
    *,
    split: str = "test",
    fewest_seeds: int = 3,
) -> list[dict[str, Any]]:
    """Returns the planes that runs span: alike in all but their downsampler and seed.

    Args:
      runs: as `read_runs` returns them.
      rows: as `read_rows` returns them.
      split: of the examples measured.
      fewest_seeds: with fewer, intervals are over examples.

    Returns:
      For each plane, the largest first: its `title`; `axes`, the levels of each, every
      combination of which was run; how many combinations were run beside them, `more`;
      `measures`, of each its `name`, `caption`, `cells` (levels, value, low, high), its
      `interactions`, alike, and `effects`, for each axis the mean of each level over
      all combinations of the others (nothing of an axis with one level).
    """
    found = []
    for title, group in backgrounds(runs):
        named = levelled(group)
        cells = set(named[list(AXES)].itertuples(index=False, name=None))
        axes = block(cells)
        if axes is None or named.duplicated([*AXES, "seed"]).any():
            continue
        for axis, levels in axes.items():
            named = named[named[axis].isin(levels)]
        of_plane = rows.merge(named[["path", *AXES]], on="path")
        measures = list(measured(of_plane, split, fewest_seeds))
        if measures:
            more = len(cells) - prod(map(len, axes.values()))
            plane = {"title": title, "axes": axes, "more": more, "measures": measures}
            found.append(plane)
    return sorted(found, key=lambda one: -len(one["measures"][0]["cells"]))


def block(cells: Collection[Cell]) -> dict[str, list[str]] | None:
    """Returns the levels of the largest block in which every combination was run.

    A pool of runs has planes and lines in it; effects are compared within a block.

    Args:
      cells: (reduce, lowpass, sample) of the runs.

    Returns:
      The levels of each axis; None where no two axes have two levels together.
    """
    reduces, *others = (sorted_levels(set(one)) for one in zip(*cells, strict=True))
    best: dict[str, list[str]] | None = None
    for lowpasses, samples in product(*map(subsets, others)):
        inner = list(product(lowpasses, samples))
        full = [r for r in reduces if all((r, *one) in cells for one in inner)]
        levels = dict(zip(AXES, (full, list(lowpasses), list(samples)), strict=True))
        sizes = [len(one) for one in levels.values()]
        several = sum(size > 1 for size in sizes) > 1 and full
        if several and prod(sizes) > (prod(map(len, best.values())) if best else 0):
            best = levels
    return best


def subsets(levels: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yields every choice of levels, of one or more."""
    for count in range(1, len(levels) + 1):
        yield from combinations(levels, count)


def backgrounds(runs: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yields groups of runs that differ in downsampler and seed alone, with a title."""
    axes = [f"downsample/{axis}" for axis in AXES]
    if not set(axes) <= set(runs):
        return
    runs = runs.dropna(subset=axes)
    keys = [
        json.dumps(
            {
                key: value
                for key, value in config.items()
                if key in {"downsample._target_", "downsample.stride"}
                or not (key.startswith(ASIDE) or key in {"seed", "name", "root"})
            },
            sort_keys=True,
            default=str,
        )
        for config in runs["config"]
    ]
    for _, group in runs.groupby(keys, sort=True):
        first = group.iloc[0]
        told = [first.get(name) for name in ("data", "model", "model/head")]
        told.append(
            first["config"].get("model.padding")
            and f"{first['config']['model.padding']} padding"
        )
        yield ", ".join(str(one) for one in told if one and not pd.isna(one)), group


def levelled(runs: pd.DataFrame) -> pd.DataFrame:
    """Adds a column for each axis: its option, with what else varies within that."""
    columns = {}
    for axis in AXES:
        prefix = f"downsample.{axis}."
        settings = [
            {key: value for key, value in config.items() if key.startswith(prefix)}
            for config in runs["config"]
        ]
        options = runs[f"downsample/{axis}"].tolist()
        columns[axis] = [
            " ".join([option, *told(own, option, options, settings, prefix)])
            for option, own in zip(options, settings, strict=True)
        ]
    return runs.assign(**columns)


def told(
    own: dict[str, Any],
    option: str,
    options: list[str],
    settings: list[dict[str, Any]],
    prefix: str,
) -> Iterator[str]:
    """Yields `taps=5` for each setting in which runs of one option differ."""
    same = [one for name, one in zip(options, settings, strict=True) if name == option]
    for key, value in own.items():
        if any(one.get(key) != value for one in same):
            yield f"{key.removeprefix(prefix)}={value}"


def sorted_levels(levels: Collection[str]) -> list[str]:
    """Returns the levels, those that do nothing first."""
    nothing = {"identity": 0, "none": 0, "first": 0}
    return sorted(levels, key=lambda level: (nothing.get(level, 1), level))


def measured(
    rows: pd.DataFrame, split: str, fewest_seeds: int
) -> Iterator[dict[str, Any]]:
    """Yields each measure there are rows of: its cells and its main effects."""
    for name, (protocol, measure, *params) in MEASURES.items():
        try:
            found = select(rows, protocol, measure, *params, split=split)
        except UserError:
            continue
        for param in params:
            largest = found[param].max()
            found = found[found[param] == largest]
            name = f"{name} ≤ {largest} px"
        whole = in_every_cell(found)
        cells = proportions(found, list(AXES), fewest_seeds=fewest_seeds)
        yield {
            "name": name,
            "caption": caption(cells, "Brackets"),
            "cells": records(cells, [*AXES, "value", "low", "high"]),
            "interactions": interactions(whole, fewest_seeds),
            "effects": {axis: effects(whole, axis, fewest_seeds) for axis in AXES},
        }


def effects(rows: pd.DataFrame, axis: str, fewest_seeds: int) -> list[list[Any]]:
    """Returns the mean of each level of an axis over all levels of the others.

    Args:
      rows: of one measure and of seeds with every combination; a column for each axis.
      axis: whose levels are compared.
      fewest_seeds: with fewer, an interval's ends are means of those over examples.

    Returns:
      Level, value, low, high; nothing of an axis with one level.
    """
    levels = sorted_levels(set(rows[axis]))
    if len(levels) < 2:
        return []
    numbers = {"value": "mean", "low": "mean", "high": "mean", "n": "min"}
    means = rows.groupby([axis, "seed"], as_index=False).agg(
        numbers | {"interval": "first"}
    )
    found = estimates(means, [axis], fewest_seeds=fewest_seeds).set_index(axis)
    return records(found.loc[levels].reset_index(), [axis, "value", "low", "high"])


def in_every_cell(rows: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows of those seeds that every combination was run with."""
    cells = len(rows[list(AXES)].drop_duplicates())
    return rows[rows.groupby("seed")["seed"].transform("size") == cells]


def interactions(rows: pd.DataFrame, fewest_seeds: int) -> list[list[Any]]:
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
    return records(table, list(table))


def records(table: pd.DataFrame, columns: list[str]) -> list[list[Any]]:
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
