"""Tables of runs, rows and metrics, from run folders and packed stores alike.

`research.runs.folders.find` says what is read at a path. The arrays behind the rows are
read by `research.runs.predictions`. Nothing here knows JAX.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from research.runs import identity
from research.runs.folders import FIELDS, Folder, find
from research.runs.store import Columns, Run, Store, concatenate

RUN = ["run", "path", "seed", "commit", "dirty", "overrides", "fingerprints", "rules"]
RUN += ["photographs"]
DONE = ["steps", "parameters", "seconds"]
METRICS = ["path", "seed", "step", "epoch", "split", "loss", "accuracy"]


def read_runs(root: str | Path, done_only: bool = True) -> pd.DataFrame:
    """Returns one line per run at or below `root`.

    Columns are `run`, `path`, `seed`, `commit`, `dirty`, `overrides` (a list),
    `fingerprints` (of the claims that it was made for: a dict), `rules` (in their
    place, of the first edition: SHA-256 of the claims' files when it ran),
    `photographs` (their names in order, of data that are photographs), `done`, `steps`,
    `parameters`, `seconds` (missing in an unfinished run), `config` (its keys, flat: a
    dict), and one for each config group with the option chosen.

    Args:
      root: a run folder, a packed store, or any folder above some of either. Of a store
        all runs are read, and no folder or store below it. A run in a store has the
        path `STORE/NAME`, which is a root, too.
      done_only: leave out runs without `done.json`; a store holds no others.

    Raises:
      UserError: there is nothing of that name, or a file of a store is damaged.
    """
    runs = runs_in(find(root, done_only))
    table = {name: [_fact(run, name) for run in runs] for name in [*RUN, *DONE]}
    table["path"] = [run.path for run in runs]
    table["done"] = [bool(run.done) for run in runs]
    table["config"] = [identity.flatten(run.config) for run in runs]
    return _with_choices(table, [*RUN, "done", *DONE, "config"], runs)


def read_rows(root: str | Path, done_only: bool = True) -> pd.DataFrame:
    """Returns all evaluation rows at or below `root`.

    Columns are `path`, the fields of `Row`, `evaluator` (its name) and the choices. A
    value that was not finite is NaN.

    Args and errors: see `read_runs`.
    """
    sources = find(root, done_only)
    return rows_in(sources, runs_in(sources)).drop(columns="file")


def read_metrics(root: str | Path, done_only: bool = True) -> pd.DataFrame:
    """Returns all training rows at or below `root`, with `path`, `seed` and choices.

    Args and errors: see `read_runs`.
    """
    sources = find(root, done_only)
    runs = runs_in(sources)
    seeds = {run.path: run.provenance.get("seed") for run in runs}
    table = concatenate(source.metrics() for source in sources)
    table["seed"] = [seeds[path] for path in table.get("path", [])]
    metrics = _with_choices(table, METRICS, runs)
    return metrics.astype(dict.fromkeys(("loss", "accuracy"), float))


def rows_in(sources: Sequence[Folder | Store], runs: Sequence[Run]) -> pd.DataFrame:
    """Returns the rows as `read_rows` does, with their `file`."""
    table = concatenate(source.rows() for source in sources)
    table["evaluator"] = [
        file.removesuffix(f".{split}")
        for file, split in zip(
            table.get("file", []), table.get("split", []), strict=True
        )
    ]
    rows = _with_choices(table, ["path", *FIELDS, "evaluator", "file"], runs)
    return rows.astype(dict.fromkeys(("value", "low", "high"), float))


def runs_in(sources: Iterable[Folder | Store]) -> list[Run]:
    """Returns the runs of some folders and stores."""
    return [run for source in sources for run in source.runs()]


def _fact(run: Run, name: str) -> Any:
    return run.done.get(name, run.provenance.get(name))


def _choices(run: Run) -> Mapping[str, str]:
    """Returns the option of each config group, as text."""
    return {
        group: ", ".join(option) if isinstance(option, list) else str(option)
        for group, option in run.provenance.get("choices", {}).items()
    }


def _with_choices(
    table: Columns, first: Sequence[str], runs: Sequence[Run]
) -> pd.DataFrame:
    """Returns a table with the choices of the runs that its lines are of.

    The columns of `first` come first, even if nothing was found, then the choices and
    the other columns by name. A choice gives way to a column of its name.
    """
    options = pd.DataFrame([_choices(run) for run in runs])
    place = {run.path: index for index, run in enumerate(runs)}
    lines = options.iloc[[place[path] for path in table.get("path", [])]]
    lines = lines.drop(columns=[*({*first, *table} & {*lines})])
    others = sorted(name for name in table if name not in first)
    own = pd.DataFrame(table, columns=[*first, *others])
    whole = pd.concat([own, lines.reset_index(drop=True)], axis=1)
    return whole[[*first, *lines.columns, *others]]
