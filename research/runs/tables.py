"""Rows read back as tables, from any number of run folders. Nothing here knows JAX."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from research.errors import UserError
from research.files.lines import read_lines
from research.runs.rows import Row

RUN = ["run", "path", "seed", "commit", "dirty", "overrides"]
RUN += ["fingerprints", "rules"]
DONE = ["steps", "parameters", "seconds"]
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one is ten times faster


def read_runs(root: str | Path, done_only: bool = True) -> pd.DataFrame:
    """Returns one line per run folder at or below `root`.

    Columns are `run`, `path`, `seed`, `commit`, `dirty`, `overrides` (a list),
    `fingerprints` (of the claims that it was made for: a dict), `rules` (in their
    place, of the first edition: SHA-256 of the claims' files when it ran), `done`,
    `steps`, `parameters`, `seconds` (missing in an unfinished run), `config` (its keys,
    flat: a dict), and one for each config group with the option chosen.

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
        for file in _row_files(folder):
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


def _runs(root: str | Path, done_only: bool) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yields each run folder with its provenance, the choices as text."""
    for folder in run_folders(root, done_only):
        run = _json(folder / "provenance.json")
        choices = {
            group: ", ".join(option) if isinstance(option, list) else str(option)
            for group, option in run.get("choices", {}).items()
        }
        yield folder, run | {"choices": choices}


def _row_files(folder: Path) -> list[Path]:
    """Returns a run's files of rows; of one measured anew not the packed copy."""
    packed = {path.stem: path for path in folder.glob("eval/*.jsonl.gz")}
    written = {path.name: path for path in folder.glob("eval/*.jsonl")}
    return [path for _, path in sorted((packed | written).items())]


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
