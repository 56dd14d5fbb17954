"""Runs of one config and one seed: the same point twice, of which one counts.

Two spellings of one point, or the copy of a folder, are the same run to every figure:
both would count as two seeds.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from research.runs import identity


def drop_twins(
    runs: pd.DataFrame, rows: pd.DataFrame
) -> tuple[pd.DataFrame, list[str]]:
    """Returns the runs less those of a config and seed that another has, too.

    The one with the most rows stays, among equals the first by path. Classifiers that
    were not trained here have no twins: several commands may measure one.

    Args:
      runs: as `read_runs` returns them.
      rows: as `read_rows` returns them.

    Returns:
      The runs, in their order, and a line for those that were left out.
    """
    own = [config.get("predict") is None for config in runs["config"]]
    known = runs[["path", "seed"]].assign(
        arm=[identity.arm(config) for config in runs["config"]],
        rows=runs["path"].map(rows["path"].value_counts()).fillna(0),
    )[pd.Series(own, runs.index, bool)]
    best = known.sort_values(["rows", "path"], ascending=[False, True], kind="stable")
    first = best.drop_duplicates(["arm", "seed"])
    twins = best.drop(index=first.index).sort_values("path")
    kept = twins.merge(first, on=["arm", "seed"], suffixes=("", "_kept"))
    return runs.drop(index=twins.index), [*_describe(kept)]


def _describe(twins: pd.DataFrame) -> Iterator[str]:
    if len(twins):
        several = "s" if len(twins) > 1 else ""
        one = twins.iloc[0]
        yield (
            f"{len(twins)} run{several} of the same config and seed as another, such "
            f"as {one['path']}, the same as {one['path_kept']}"
        )
