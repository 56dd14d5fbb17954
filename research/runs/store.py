"""A packed store: finished runs without their folders, in a few Parquet files.

runs.parquet         name, provenance, config and `done.json` of each run, as JSON
rows.parquet         the rows of every evaluator
metrics.parquet      a row for each run and epoch
predictions.parquet  the arrays behind the rows
store.json           written last: how many of each, and the SHA-256 of the files

A run goes by `STORE/NAME`, a path that need not exist. `research.runs.pack` writes
stores, `research.runs.tables` reads tables from stores and run folders alike. Nothing
here knows JAX.

References:
  https://parquet.apache.org/docs/file-format/
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from research.errors import UserError
from research.runs import identity

Columns = dict[str, list[Any]]  # a table: values by column


class Run(NamedTuple):
    """One run, as its folder or a store describes it.

    Attributes:
      path: the folder, or `STORE/NAME`.
      provenance: what made it.
      done: `done.json`; empty in an unfinished run.
      config: nested.
    """

    path: str
    provenance: dict[str, Any]
    done: dict[str, Any]
    config: dict[str, Any]


class Array(NamedTuple):
    """An array behind a row.

    Attributes:
      path: of the run.
      file: of the rows and of the arrays, without its suffix: `shift.validation`.
      key: `Measurement.key` + `/` + the array's name.
      values: of any shape.
    """

    path: str
    file: str
    key: str
    values: np.ndarray


class Store:
    """Reads a packed store, or some of its runs.

    Args:
      folder: the store.
      name: of one run, or what comes before the `/` in the names of some; "": all.
    """

    def __init__(self, folder: Path, name: str = ""):
        self.folder = folder
        self.name = name
        self._index: dict[str, Any] | None = None  # of the table that was read first

    def runs(self) -> list[Run]:
        """Returns the runs, in the order of their names.

        Raises:
          UserError: a file of the store is missing or damaged, or it has no such run.
        """
        columns = self._columns("runs")
        if self.name and not columns["path"]:
            raise UserError(
                f"runs={self.folder / self.name}: the store has no run of that name; "
                f"runs={self.folder} reads all that it has"
            )
        texts = zip(
            *(columns[name] for name in ("provenance", "done", "config")), strict=True
        )
        return [
            Run(path, *map(json.loads, three))
            for path, three in zip(columns["path"], texts, strict=True)
        ]

    def rows(self) -> Columns:
        """Returns the rows: `path`, `file` and the fields of `Row`."""
        columns = self._columns("rows")
        columns["params"] = [json.loads(text) for text in columns["params"]]
        return columns

    def metrics(self) -> Columns:
        """Returns what the runs logged, with `path`."""
        return self._columns("metrics")

    def arrays(self, files: Collection[str] | None = None) -> Iterator[Array]:
        """Yields the arrays behind the rows, by file, run and key.

        Args:
          files: of which files of rows; None: of all.
        """
        table = self._read(
            "predictions",
            {"file": None if files is None else list(files), "path": self._names()},
        )
        for batch in table.to_batches(max_chunksize=256):
            for name, file, key, dtype, shape, values in zip(
                *batch.to_pydict().values(), strict=True
            ):
                array = _parquet().unshuffle_bytes(values, np.dtype(dtype), shape)
                yield Array(str(self.folder / name), file, key, array)

    def _read(
        self,
        table: str,
        chosen: Mapping[str, Sequence[str] | None] | None = None,
        columns: Sequence[str] | None = None,
    ) -> Any:
        """Returns an Arrow table; arguments as `parquet.read`.

        Raises:
          UserError: it is missing or damaged, or of other runs than the tables before.
        """
        path = self.folder / f"{table}.parquet"
        index = _parquet().require_whole(path)
        if self._index not in (None, index):
            raise UserError(
                f"{self.folder} was packed anew while it was read: give the same "
                "command again"
            )
        self._index = index
        return _parquet().read(path, chosen, columns)

    def _names(self) -> list[str] | None:
        """Returns the names of the chosen runs with arrays; None: all there are."""
        if not self.name:
            return None
        paths = self._read("predictions", columns=["path"])["path"]
        return [name for name in paths.unique().to_pylist() if self._has(name)]

    def _columns(self, table: str) -> Columns:
        """Returns a table of the chosen runs, with their paths in place of names."""
        columns = self._read(table).to_pydict()
        if self.name:
            kept = [self._has(name) for name in columns["path"]]
            columns = {
                column: list(itertools.compress(values, kept))
                for column, values in columns.items()
            }
        paths = {name: str(self.folder / name) for name in {*columns["path"]}}
        columns["path"] = [paths[name] for name in columns["path"]]
        return columns

    def _has(self, name: str) -> bool:
        return self.name in ("", name) or name.startswith(f"{self.name}/")


def is_store(folder: Path) -> bool:
    """Whether a folder is a packed store, maybe a damaged one."""
    return any((folder / name).is_file() for name in ("store.json", "runs.parquet"))


def find_around(path: str | Path) -> Store | None:
    """Returns the store that a run's path lies in, reduced to this run, or None."""
    path = Path(path)
    for folder in path.parents:
        if is_store(folder):
            return Store(folder, path.relative_to(folder).as_posix())
    return None


def done_in(store: str | Path) -> dict[str, list[Run]]:
    """Returns the runs of a store by the digest of their training.

    Several with one digest have the same weights: other spellings of one point, or runs
    of other machines. What has been measured on them may differ.

    Args:
      store: its folder.

    Raises:
      UserError: it is no store, or a damaged one.
    """
    found: dict[str, list[Run]] = {}
    for run in Store(Path(store)).runs():
        found.setdefault(identity.training_digest(run.config), []).append(run)
    return found


def evaluators_in(store: str | Path) -> dict[str, dict[str, str]]:
    """Returns, by the path of each run of a store, what has been measured on it.

    Args:
      store: its folder.

    Returns:
      For each run the digest of the evaluator's parameters behind each file of rows
      (`shift`, `shift.validation`). A run of the first edition kept none; there its
      config says with which parameters its evaluators measured.

    Raises:
      UserError: it is no store, or a damaged one.
    """
    whole = Store(Path(store))
    rows = whole.rows()
    files = set(zip(rows["path"], rows["file"], strict=True))
    return {
        run.path: {
            file: digest
            for file, digest in digests(run).items()
            if (run.path, file) in files
        }
        for run in whole.runs()
    }


@lru_cache(maxsize=4)
def read_digests(
    store: str, changed: int
) -> tuple[dict[str, list[Run]], dict[str, dict[str, str]]]:
    """Returns `done_in` and `evaluators_in` of a store, read once while it stays as is.

    Args:
      store: its folder.
      changed: when its index was written, so that a newer one is read again.
    """
    del changed
    return done_in(store), evaluators_in(store)


def digests(run: Run) -> dict[str, str]:
    """Returns the digest of parameters behind each file of rows that a run made."""
    if "evaluators" in run.done:
        return run.done["evaluators"]
    return identity.evaluator_digests(run.config)


def to_columns(
    rows: Sequence[Mapping[str, Any]], names: Iterable[str] | None = None
) -> Columns:
    """Returns rows as columns; a value that a row lacks is None.

    Args:
      rows: of a table.
      names: of its columns; None: all that there are, in the order of appearance.
    """
    if names is None:
        names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def concatenate(parts: Iterable[Columns]) -> Columns:
    """Returns tables below one another; a column that one lacks is None there."""
    whole: Columns = {}
    length = 0
    for part in parts:
        count = len(next(iter(part.values()), []))
        for name in [*whole, *(name for name in part if name not in whole)]:
            column = whole.setdefault(name, [None] * length)
            column += part.get(name) or [None] * count
        length += count
    return whole


def _parquet() -> ModuleType:
    """Imports what reads Parquet: a training that reads no store needs no PyArrow."""
    from research.runs import parquet

    return parquet
