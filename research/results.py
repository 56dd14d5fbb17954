"""Results are data: what evaluators yield, the rows on disk, and the tables read back.

A run folder holds `config.yaml`, `provenance.json`, `metrics.jsonl`, and for each
evaluator `eval/<name>.jsonl`, a `Row` per measurement, and `eval/<name>.npz`, the
per-example values behind them; `done.json` is written last. Nothing here knows JAX.
"""

from __future__ import annotations

import dataclasses
import io
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from research.errors import UserError
from research.files import Metrics as Metrics
from research.files import read_lines, write_bytes, write_lines
from research.files import write_json as write_json
from research.files import write_text as write_text
from research.stats import bootstrap_mean


@dataclasses.dataclass(frozen=True)
class Measurement:
    """One value that an evaluator yields.

    Attributes:
      protocol: what was done to the images: `accuracy`, `circular`, `zero`, `orbit`, ….
      measure: what was measured: `accuracy`, `agreement`, `mac`, ….
      value: the result; a proportion lies in [0, 1], it is never in per cent.
      n: how many examples it is a mean over.
      params: the protocol's parameters, in JSON's types.
      low: lower end of the 95 % interval, or None.
      high: upper end, or None.
      interval: how the interval was made, or "".
      method: how the value was computed where there are several ways to (`closed form`,
        `brute force`).
      arrays: per-example values, kept beside the rows.
    """

    protocol: str
    measure: str
    value: float | int
    n: int
    params: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    low: float | int | None = None
    high: float | int | None = None
    interval: str = ""
    method: str = ""
    arrays: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)

    @classmethod
    def of_examples(
        cls,
        protocol: str,
        measure: str,
        examples: Any,
        *,
        params: Mapping[str, Any] | None = None,
        method: str = "",
        arrays: Mapping[str, np.ndarray] | None = None,
    ) -> Measurement:
        """Returns the mean over examples with its 95 % interval.

        Args:
          protocol: see the class.
          measure: see the class.
          examples: (n,) one value per example, in any library's array; kept in
            `arrays["examples"]`.
          params: see the class.
          method: see the class.
          arrays: further per-example values to keep.
        """
        examples = np.asarray(examples)
        low, high, how = bootstrap_mean(examples)
        return cls(
            protocol,
            measure,
            float(examples.mean(dtype=np.float64)) if examples.size else math.nan,
            examples.shape[0],
            params=dict(params or {}),
            low=low if how else None,
            high=high if how else None,
            interval=how,
            method=method,
            arrays={"examples": examples} | dict(arrays or {}),
        )

    @property
    def key(self) -> str:
        """Names the measurement within its file: `circular,max_shift=3/agreement`."""
        params = [f"{name}={value}" for name, value in sorted(self.params.items())]
        return f"{','.join([self.protocol, *params])}/{self.measure}"


@dataclasses.dataclass(frozen=True)
class Row:
    """A measurement of one run, as it stands on disk; the fields are a contract."""

    run: str
    seed: int
    commit: str
    split: str
    protocol: str
    params: dict[str, Any]
    measure: str
    value: float | int | None  # None in a file: not finite
    low: float | int | None
    high: float | int | None
    interval: str
    n: int
    method: str


def write_rows(path: str | Path, rows: Iterable[Row]) -> None:
    """Writes rows as JSON lines, whole or not at all.

    Raises:
      UserError: the disk is full or the folder cannot be written.
    """
    write_lines(path, map(dataclasses.asdict, rows))


def write_measurements(
    run_dir: str | Path,
    name: str,
    measurements: Iterable[Measurement],
    provenance: Mapping[str, Any],
    split: str,
) -> list[Row]:
    """Writes `eval/<name>.npz`, then `eval/<name>.jsonl`: rows have their arrays.

    Args:
      run_dir: the run folder.
      name: of the evaluator.
      measurements: what it yields; taken to the end before anything is written.
      provenance: of the run; its `run`, `seed` and `commit` go into each row.
      split: which examples were measured.

    Returns:
      The rows.

    Raises:
      UserError: the disk is full or the folder cannot be written.
      ValueError: two measurements have the same protocol, params and measure.
    """
    run = {field: provenance[field] for field in ("run", "seed", "commit")}
    rows: dict[str, Row] = {}
    arrays = {}
    for one in measurements:
        if one.key in rows:
            raise ValueError(f"{name}: measured twice: {one.key}")
        given = {field: getattr(one, field) for field in MEASURED}
        given["params"] = dict(one.params)
        rows[one.key] = Row(**run, split=split, **given)
        for label, array in one.arrays.items():
            arrays[f"{one.key}/{label}"] = np.asarray(array)
    folder = Path(run_dir) / "eval"
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)
    write_bytes(folder / f"{name}.npz", packed.getvalue())
    write_rows(folder / f"{name}.jsonl", rows.values())
    return list(rows.values())


def read_arrays(run_dir: str | Path, name: str) -> dict[str, np.ndarray]:
    """Returns the per-example values behind `eval/<name>.jsonl`.

    Keys are `Measurement.key` + `/` + the array's name, such as
    `circular,max_shift=3/agreement/examples`.
    """
    with np.load(Path(run_dir) / "eval" / f"{name}.npz") as arrays:
        return dict(arrays)


def read_runs(root: str | Path, done_only: bool = True) -> pd.DataFrame:
    """Returns one line per run folder at or below `root`.

    Columns are `run`, `path`, `seed`, `commit`, `dirty`, `done`, `steps`, `parameters`,
    `seconds` (missing in an unfinished run), `config` (its keys, flat: a dict), and one
    for each config group with the option chosen.

    Args:
      root: a run folder, or any folder above some.
      done_only: leave out runs without `done.json`.

    Raises:
      UserError: there is no such folder.
    """
    runs = []
    for folder, run in _runs(root, done_only):
        done = _json(folder / "done.json")
        runs.append(
            {name: (run | done).get(name) for name in [*RUN, *DONE]}
            | {"done": bool(done), "config": _config(folder), "path": str(folder)}
            | run["choices"]
        )
    return _table(runs, [*RUN, "done", *DONE, "config"])


def read_rows(root: str | Path, done_only: bool = True) -> pd.DataFrame:
    """Returns all evaluation rows at or below `root`, with `path` and choices.

    Args and errors: see `read_runs`. A value that was not finite is NaN.
    """
    found = []
    for folder, run in _runs(root, done_only):
        known = run["choices"] | {"path": str(folder)}
        for file in sorted(folder.glob("eval/*.jsonl")):
            found += [known | row for row in read_lines(file)]
    rows = _table(found, ["path", *(field.name for field in dataclasses.fields(Row))])
    return rows.astype(dict.fromkeys(("value", "low", "high"), float))


def read_metrics(root: str | Path, done_only: bool = True) -> pd.DataFrame:
    """Returns all training rows at or below `root`, with `path`, `seed` and choices.

    Args and errors: see `read_runs`.
    """
    found = []
    for folder, run in _runs(root, done_only):
        known = run["choices"] | {"path": str(folder), "seed": run["seed"]}
        if (folder / "metrics.jsonl").is_file():
            found += [known | row for row in read_lines(folder / "metrics.jsonl")]
    return _table(found, ["path", "seed", "step", "epoch", "split", "loss", "accuracy"])


def run_folders(root: str | Path, done_only: bool = True) -> Iterator[Path]:
    """Yields the run folders at or below `root`, in order; see `read_runs`."""
    if not Path(root).is_dir():
        raise UserError(
            f"runs={root}: no such folder; give one that scripts/train.py made, such "
            "as runs=outputs/runs"
        )
    for folder, below, files in os.walk(root):
        below.sort()
        if "provenance.json" in files:
            below.clear()  # nothing of ours lies inside a run, but checkpoints do
            if "done.json" in files or not done_only:
                yield Path(folder)


MEASURED = [
    field.name for field in dataclasses.fields(Measurement) if field.name != "arrays"
]
RUN = ["run", "path", "seed", "commit", "dirty"]
DONE = ["steps", "parameters", "seconds"]
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one is ten times faster


def _runs(root: str | Path, done_only: bool) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yields each run folder with its provenance, the choices as text."""
    for folder in run_folders(root, done_only):
        run = _json(folder / "provenance.json")
        choices = {
            group: ", ".join(option) if isinstance(option, list) else str(option)
            for group, option in run.get("choices", {}).items()
        }
        yield folder, run | {"choices": choices}


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.is_file() else {}


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.yaml"
    return flat(yaml.load(path.read_text(), LOADER)) if path.is_file() else {}


def _table(found: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    """Returns a table with these columns, first and even if nothing was found."""
    extra = [name for row in found for name in row if name not in columns]
    return pd.DataFrame(found, columns=[*columns, *dict.fromkeys(extra)])


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns a nested config with dotted keys: `{"downsample.lowpass.taps": 3}`."""
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            leaves |= flat(value, f"{prefix}{key}.")
        else:
            leaves[f"{prefix}{key}"] = value
    return leaves
