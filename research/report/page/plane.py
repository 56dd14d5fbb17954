"""The plane of downsamplers, reduce × lowpass × sample: which runs span one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations, product
from math import prod
from typing import Any

import pandas as pd

from research.ranges import Count
from research.report.arms import find_foreign
from research.report.page.effects import AXES, measure_plane, sort_levels
from research.report.results import Results
from research.runs import identity

Cell = tuple[str, str, str]
COMMON = ("downsample.stride",)  # of a downsampler, to all cells of a plane


def find_planes(
    results: Results,
    *,
    split: str = "test",
    fewest_seeds: Count = 3,
) -> list[dict[str, Any]]:
    """Returns the planes that runs span: alike in all but their downsampler and seed.

    Args:
      results: whose runs are compared.
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
    for title, group in group_runs(results.runs):
        runs = add_levels(group)
        cells = set(runs[list(AXES)].itertuples(index=False, name=None))
        axes = find_block(cells)
        if axes is None or runs.duplicated([*AXES, "seed"]).any():
            continue
        for axis, levels in axes.items():
            runs = runs[runs[axis].isin(levels)]
        rows = results.rows.merge(runs[["path", *AXES]], on="path")
        measures = list(measure_plane(rows, split=split, fewest_seeds=fewest_seeds))
        if measures:
            more = len(cells) - prod(map(len, axes.values()))
            plane = {"title": title, "axes": axes, "more": more, "measures": measures}
            found.append(plane)
    return sorted(found, key=lambda one: -len(one["measures"][0]["cells"]))


def find_block(cells: Collection[Cell]) -> dict[str, list[str]] | None:
    """Returns the levels of the largest block in which every combination was run.

    A pool of runs has planes and lines in it; effects are compared within a block.

    Args:
      cells: (reduce, lowpass, sample) of the runs.

    Returns:
      The levels of each axis; None where no two axes have two levels together.
    """
    reduces, *others = (sort_levels(set(one)) for one in zip(*cells, strict=True))
    best: dict[str, list[str]] | None = None
    for lowpasses, samples in product(*map(choose_subsets, others)):
        inner = list(product(lowpasses, samples))
        full = [r for r in reduces if all((r, *one) in cells for one in inner)]
        levels = dict(zip(AXES, (full, list(lowpasses), list(samples)), strict=True))
        sizes = [len(one) for one in levels.values()]
        several = sum(size > 1 for size in sizes) > 1 and full
        if several and prod(sizes) > (prod(map(len, best.values())) if best else 0):
            best = levels
    return best


def choose_subsets(levels: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yields every choice of levels, of one or more."""
    for count in range(1, len(levels) + 1):
        yield from combinations(levels, count)


def group_runs(runs: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yields groups of runs that differ in downsampler and seed alone, with a title.

    Groups that would have one title also name the keys in which they differ.
    """
    axes = [f"downsample/{axis}" for axis in AXES]
    if not set(axes) <= set(runs):
        return
    runs = runs[~find_foreign(runs)].dropna(subset=axes)
    backgrounds = [describe_background(one) for one in runs["config"]]
    digests = [identity.digest(one) for one in backgrounds]
    titles = [title_background(run) for _, run in runs.iterrows()]
    for _, group in runs.groupby(digests, sort=False):
        first = runs.index.get_loc(group.index[0])
        title = titles[first]
        pairs = zip(titles, backgrounds, strict=True)
        alike = [one for other, one in pairs if other == title]
        apart = [
            f"{key.rpartition('.')[2]}={value}"
            for key, value in backgrounds[first].items()
            if any(one.get(key) != value for one in alike)
        ]
        yield ", ".join([title, *apart]), group


def title_background(run: pd.Series) -> str:
    """Returns the data, the network and its padding of one run."""
    parts = [run.get(name) for name in ("data", "model", "model/head")]
    if padding := run["config"].get("model.padding"):
        parts.append(f"{padding} padding")
    return ", ".join(str(one) for one in parts if one and not pd.isna(one))


def describe_background(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what a run was trained with, but for its seed and its downsampler."""
    return {
        key: value
        for key, value in identity.science(config).items()
        if key != "seed" and (key in COMMON or not key.startswith("downsample."))
    }


def add_levels(runs: pd.DataFrame) -> pd.DataFrame:
    """Adds a column for each axis: its option, with what else varies within that."""
    science = [identity.science(config) for config in runs["config"]]
    columns = {}
    for axis in AXES:
        prefix = f"downsample.{axis}."
        settings = [
            {key: value for key, value in config.items() if key.startswith(prefix)}
            for config in science
        ]
        options = runs[f"downsample/{axis}"].tolist()
        columns[axis] = [
            " ".join(
                [option, *list_differences(own, option, options, settings, prefix)]
            )
            for option, own in zip(options, settings, strict=True)
        ]
    return runs.assign(**columns)


def list_differences(
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
