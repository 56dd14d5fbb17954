"""Run folders as they lie on disk, and where they and packed stores are found.

`research.runs.tables` makes tables of what is read here, `research.runs.pack` a store.
Nothing here knows JAX.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from research.errors import UserError
from research.files.leftovers import walk
from research.jobs import status
from research.runs.contents import (
    find_row_files,
    read_logged,
    read_measured,
    read_provenance,
)
from research.runs.outcome import read_unchanged
from research.runs.rows import Row, load_arrays
from research.runs.store import (
    Array,
    Columns,
    Run,
    Store,
    find_around,
    is_store,
    to_columns,
)

FIELDS = [field.name for field in dataclasses.fields(Row)]


class Folder:
    """One run folder, read in the same terms as a `Store` of many.

    Args:
      path: the folder; it has a `provenance.json`.
    """

    def __init__(self, path: Path):
        self.path = path

    def runs(self) -> list[Run]:
        """Returns the run."""
        return [
            Run(
                str(self.path),
                read_provenance(self.path),
                status.done(self.path) or {},
                self._config(),
            )
        ]

    def rows(self) -> Columns:
        """Returns the rows: `path`, `file` and the fields of `Row`."""
        rows = [
            {"path": str(self.path), "file": file.stem} | row
            for file in find_row_files(self.path)
            for row in read_measured(file)
        ]
        return to_columns(rows, ["path", "file", *FIELDS])

    def metrics(self) -> Columns:
        """Returns what `metrics.jsonl` holds, with `path`."""
        rows = read_logged(self.path)
        return to_columns([{"path": str(self.path)} | row for row in rows])

    def arrays(self, files: Collection[str] | None = None) -> Iterator[Array]:
        """Yields the arrays behind the rows, in the order of their keys.

        Args:
          files: of which files of rows; None: of all.
        """
        for name in (file.stem for file in find_row_files(self.path)):
            packed = self.path / "eval" / f"{name}.npz"
            if (files is None or name in files) and packed.exists():
                arrays = load_arrays(packed)
                for key in sorted(arrays):
                    yield Array(str(self.path), name, key, arrays[key])

    def _config(self) -> dict[str, Any]:
        there = (self.path / "config.yaml").exists()
        return read_unchanged(self.path) if there else {}


def find(
    root: str | Path, done_only: bool = True, without: Path | None = None
) -> list[Folder | Store]:
    """Returns what is to be read at or below `root`, in the order of the paths.

    A store is read in the place of all that lies below it. The path of a run in a
    store, or of a folder above some of them, stands for these runs.

    Args:
      root: a run folder, a store, a folder above some of either, or `STORE/NAME`.
      done_only: leave out folders without `done.json`; a store has no others.
      without: a folder that is skipped.

    Raises:
      UserError: there is nothing of that name.
    """
    root = Path(root)
    if root.is_dir():
        return list(_below(root, done_only, without))
    if (store := find_around(root)) is not None:
        return [store]
    raise UserError(
        f"runs={root}: no such folder; give one that scripts/train.py made, such as "
        "runs=outputs/runs"
    )


def find_home(root: str | Path) -> Path:
    """Returns where what is made of `root` belongs: `root`, or the only store below it.

    Raises:
      UserError: there is nothing of that name.
    """
    match find(root, False):
        case [Store() as store]:
            return store.folder
        case _:
            return Path(root)


def find_unfinished(root: str | Path) -> list[Path]:
    """Returns the run folders at or below `root` that are not finished, or not begun.

    Those of a sweep that nobody has started yet hold nothing but their status.
    """
    found = []
    for folder, below, files in walk(root):
        if is_store(folder):
            below.clear()
        elif {"provenance.json", "status.json"} & {*files}:
            below.clear()
            if "done.json" not in files:
                found.append(folder)
    return found


def _below(
    root: Path, done_only: bool, without: Path | None
) -> Iterator[Folder | Store]:
    for folder, below, files in walk(root):
        if without is not None and folder.resolve() == without.resolve():
            below.clear()
        elif is_store(folder):
            below.clear()
            yield Store(folder)
        elif {"provenance.json", "done.json"} & {*files}:
            below.clear()  # nothing of ours lies inside a run, but checkpoints do
            if "done.json" in files or not done_only:
                yield Folder(folder)
