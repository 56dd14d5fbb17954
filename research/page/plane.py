"""The plane of downsamplers, reduce × lowpass × sample: cells and main effects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import prod
from typing import Any

import pandas as pd

from research.errors import UserError
from research.figures.arms import caption, estimates, proportions, select
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
FEWEST = 4  # cells that make a plane, with two levels or more on two axes


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
      For each plane, the largest first: its `title`; `axes`, the levels of each;
      `measures`, of each its `name`, `caption`, `cells` (levels, value, low, high), its
      `interactions`, alike, and `effects`, for each axis the mean of each level over
      the combinations of the other two that were run with every level of it (none: []),
      their number in `over`.
    """
    found = []
    for title, group in backgrounds(runs):
        named = levelled(group)
        if crossed(named) and len(named[list(AXES)].drop_duplicates()) >= FEWEST:
            of_plane = rows.merge(named[["path", *AXES]], on="path")
            measures = list(measured(of_plane, split, fewest_seeds))
            if measures and replicated(measures[0]):
                axes = {axis: sorted_levels(named[axis]) for axis in AXES}
                found.append({"title": title, "axes": axes, "measures": measures})
    return sorted(found, key=lambda one: -len(one["measures"][0]["cells"]))


def replicated(measure: dict[str, Any]) -> bool:
    """Whether some axis can be compared at two combinations of the others or more."""
    return any(one["over"] > 1 for one in measure["effects"].values())


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


def crossed(runs: pd.DataFrame) -> bool:
    """Whether two axes or more have two levels or more, each run a cell of its own."""
    several = sum(runs[axis].nunique() > 1 for axis in AXES)
    return several > 1 and not runs.duplicated([*AXES, "seed"]).any()


def sorted_levels(levels: pd.Series) -> list[str]:
    """Returns the levels, those that do nothing first."""
    nothing = {"identity": 0, "none": 0, "first": 0}
    return sorted(set(levels), key=lambda level: (nothing.get(level, 1), level))


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
        cells = proportions(found, list(AXES), fewest_seeds=fewest_seeds)
        yield {
            "name": name,
            "caption": caption(cells, "Brackets"),
            "cells": records(cells, [*AXES, "value", "low", "high"]),
            "interactions": interactions(found, fewest_seeds),
            "effects": {axis: effects(found, axis, fewest_seeds) for axis in AXES},
        }


def effects(rows: pd.DataFrame, axis: str, fewest_seeds: int) -> dict[str, Any]:
    """Returns the mean of each level of an axis over the same combinations and seeds.

    Args:
      rows: of one measure, with a column for each axis.
      axis: whose levels are compared.
      fewest_seeds: with fewer, an interval's ends are means of those over examples.

    Returns:
      `over`, the number of combinations of the other axes that every level was run
      with; `levels`, of each its name, value, low, high.
    """
    levels = sorted_levels(rows[axis])
    others = [other for other in AXES if other != axis]
    full = rows.groupby([*others, "seed"])[axis].transform("nunique") == len(levels)
    kept = rows[full]
    if len(levels) < 2 or kept.empty:
        return {"over": 0, "levels": []}
    per_combination = kept.groupby(others)["seed"].transform("nunique")
    kept = kept[per_combination == per_combination.max()]  # the same seeds everywhere
    numbers = {"value": "mean", "low": "mean", "high": "mean", "n": "min"}
    means = kept.groupby([axis, "seed"], as_index=False).agg(
        numbers | {"interval": "first"}
    )
    found = estimates(means, [axis], fewest_seeds=fewest_seeds).set_index(axis)
    found = found.loc[levels].reset_index()
    return {
        "over": len(kept[others].drop_duplicates()),
        "levels": records(found, [axis, "value", "low", "high"]),
    }


def interactions(rows: pd.DataFrame, fewest_seeds: int) -> list[list[Any]]:
    """Returns, for each cell, its value less what the main effects add up to.

    grand mean + Σ over axes of (mean of the level − grand mean), within each seed; the
    intervals are Student's over seeds, from `fewest_seeds` on.

    Args:
      rows: of one measure, with a column for each axis.
      fewest_seeds: with fewer there are no intervals.

    Returns:
      Levels, difference, low, high of each cell; none unless every combination was run,
      with one seed or more in common.
    """
    table = rows.pivot(index="seed", columns=list(AXES), values="value").dropna()
    if table.empty or table.shape[1] < prod(rows[axis].nunique() for axis in AXES):
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
