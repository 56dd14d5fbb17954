"""The arrays behind the rows as a table, from run folders and packed stores alike.

Nothing here knows JAX.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from research.errors import UserError
from research.evals.measurement import Measurement
from research.runs.folders import FIELDS, Folder, find
from research.runs.store import Array, Store
from research.runs.tables import rows_in, runs_in

SHARED = ["path", "seed", "evaluator", "split", "protocol", "params", "measure"]


def read_predictions(
    root: str | Path,
    done_only: bool = True,
    *,
    evaluators: Collection[str] | None = None,
    measures: Collection[str] | None = None,
    names: Collection[str] | None = None,
) -> pd.DataFrame:
    """Returns the arrays behind the rows, one line for each run, row and array.

    For an interval over seeds × examples: `names=["examples"]` has the value of each
    example, of which the row is the mean; `np.stack` of the lines that share choices,
    evaluator, split, protocol, params and measure gives seeds × examples.

    Columns are `path`, `seed`, `evaluator`, `split`, `protocol`, `params`, `measure`,
    `name` (of the array: `examples`, `predictions`, …), `array` and the choices. Rows
    whose arrays were not kept have no line.

    Args:
      root: see `read_runs`.
      done_only: see `read_runs`.
      evaluators: whose arrays to read; None: of all.
      measures: of which rows, such as `accuracy`; None: of all.
      names: which arrays, such as `examples`; None: all.

    Raises:
      UserError: see `read_runs`; or an array belongs to no row.
    """
    sources = find(root, done_only)
    rows = rows_in(sources, runs_in(sources))
    kept = select(rows, "evaluator", evaluators) & select(rows, "measure", measures)
    found = [
        (row, name, array)
        for row, name, array in match_arrays(rows, sources, {*rows["file"][kept]})
        if kept[row] and (names is None or name in names)
    ]
    found.sort(key=lambda one: one[:2])
    arrays = np.empty(len(found), object)
    for line, (_, _, array) in enumerate(found):
        arrays[line] = array  # as a whole, however many share a shape
    lines = rows.iloc[[row for row, _, _ in found]].reset_index(drop=True)
    own = lines[SHARED].assign(name=[name for _, name, _ in found], array=arrays)
    choices = lines.drop(columns=[*FIELDS, "path", "file", "evaluator"])
    return pd.concat([own, choices], axis=1)


def match_arrays(
    rows: pd.DataFrame, sources: Sequence[Folder | Store], files: Collection[str]
) -> Iterator[tuple[int, str, np.ndarray]]:
    """Yields arrays with the number of the row that each belongs to, and their names.

    Args:
      rows: of the sources, numbered from 0.
      sources: to be read.
      files: of which files of rows.

    Raises:
      UserError: an array belongs to no row.
    """
    places = number_rows(rows)
    for source in sources:
        for one in source.arrays(files):
            key, _, name = one.key.rpartition("/")
            if (one.path, one.file, key) not in places:
                raise orphan_error(one)
            yield places[one.path, one.file, key], name, one.values


def number_rows(rows: pd.DataFrame) -> Mapping[tuple[str, str, str], int]:
    """Returns the number of each row by its run, file and key of measurement."""
    columns = ("path", "file", "protocol", "measure", "params")
    lines = zip(*(rows[column] for column in columns), strict=True)
    return {
        (path, file, Measurement(protocol, measure, 0, 0, params).key): number
        for number, (path, file, protocol, measure, params) in enumerate(lines)
    }


def select(
    rows: pd.DataFrame, column: str, values: Collection[str] | None
) -> np.ndarray:
    """Returns for each row whether its value is among `values`; None: all are."""
    if values is None:
        return np.ones(len(rows), bool)
    return rows[column].isin(list(values)).to_numpy(bool)


def orphan_error(one: Array) -> UserError:
    """Returns the error for an array that belongs to no row."""
    return UserError(
        f"{one.path}: the array {one.key} of {one.file} belongs to none of its rows; "
        f"measure it anew: scripts/evaluate.py run_dir={one.path} eval={one.file}"
    )
