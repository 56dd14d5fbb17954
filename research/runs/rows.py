"""Results are data: rows on disk, made from what evaluators yield.

A run folder holds `config.yaml`, `provenance.json`, `metrics.jsonl`, and for each
evaluator `eval/<name>.jsonl`, a `Row` per measurement, and `eval/<name>.npz`, the
per-example values behind them; what is measured later on another split than the run's
own is in `eval/<name>.<split>.jsonl` and `.npz`. `done.json` is written last.
`research.runs.tables` reads them back. Nothing here knows JAX.
"""

from __future__ import annotations

import dataclasses
import errno
import io
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from research.evals.measurement import Measurement, format_key
from research.files.atomic import damaged, read_bytes, write_bytes
from research.files.lines import write_lines
from research.runs.outcome import file_name
from research.runs.store import find_around


@dataclasses.dataclass(frozen=True)
class Row:
    """A measurement of one run, as it stands on disk; the fields are a contract.

    `commit` is that of the code that measured. If a finished run was measured again, it
    may be later than the one in `provenance.json`; `-dirty` marks uncommitted changes.
    """

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


@dataclasses.dataclass(frozen=True)
class Measured:
    """What an evaluator measured, not yet on disk.

    Attributes:
      name: of the files; see `research.runs.outcome.file_name`.
      rows: one for each measurement.
      arrays: the per-example values behind them, by `Measurement.key` and name.
    """

    name: str
    rows: list[Row]
    arrays: dict[str, np.ndarray]

    def write(self, run_dir: str | Path) -> None:
        """Writes `eval/<name>.npz`, then `eval/<name>.jsonl`: rows have their arrays.

        Raises:
          UserError: the disk is full or the folder cannot be written.
        """
        folder = Path(run_dir) / "eval"
        packed = io.BytesIO()
        np.savez_compressed(packed, allow_pickle=False, **self.arrays)
        write_bytes(folder / f"{self.name}.npz", packed.getvalue())
        write_rows(folder / f"{self.name}.jsonl", self.rows)


def take_measurements(
    name: str,
    measurements: Iterable[Measurement],
    provenance: Mapping[str, Any],
    split: str,
) -> Measured:
    """Returns what an evaluator yields, taken to the end.

    Args:
      name: of the files that it will be written to.
      measurements: what it yields.
      provenance: of the run; its `run`, `seed` and `commit` go into each row.
      split: which examples were measured.

    Raises:
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
            key = name_array(one.protocol, one.params, one.measure, label)
            arrays[key] = np.asarray(array)
    return Measured(name, list(rows.values()), arrays)


def write_measurements(
    run_dir: str | Path,
    name: str,
    measurements: Iterable[Measurement],
    provenance: Mapping[str, Any],
    split: str,
) -> list[Row]:
    """Writes what an evaluator yields into a run folder, and returns the rows.

    Args and errors: see `take_measurements` and `Measured.write`.
    """
    measured = take_measurements(name, measurements, provenance, split)
    measured.write(run_dir)
    return measured.rows


def name_array(
    protocol: str, params: Mapping[str, Any], measure: str, name: str
) -> str:
    """Returns the key of an array beside a row, as `read_arrays` returns it."""
    return f"{format_key(protocol, params, measure)}/{name}"


def read_arrays(
    run_dir: str | Path, name: str, split: str = "test"
) -> dict[str, np.ndarray]:
    """Returns the per-example values behind an evaluator's rows of a split.

    Keys are `Measurement.key` + `/` + the array's name, such as
    `circular,max_shift=3/agreement/examples`.

    Args:
      run_dir: the run folder, or the path of a run in a store.
      name: of the evaluator.
      split: of the rows, of which there must be some.

    Raises:
      FileNotFoundError: no arrays were kept.
      UserError: a file of the store is damaged.
    """
    files = (file_name(name, split, own=""), name)
    folder = Path(run_dir) / "eval"
    for file in files:
        if (folder / f"{file}.npz").is_file():
            return load_arrays(folder / f"{file}.npz")
    if (store := find_around(run_dir)) is not None:
        arrays = list(store.arrays(files))
        for file in files:
            if found := {one.key: one.values for one in arrays if one.file == file}:
                return found
    raise FileNotFoundError(
        errno.ENOENT, "no arrays were kept of this evaluator", str(folder / name)
    )


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """Returns the arrays of a file by their names.

    Raises:
      UserError: the file is damaged.
    """
    content = io.BytesIO(read_bytes(path))
    try:
        with zipfile.ZipFile(content) as packed:
            return {
                name.removesuffix(".npy"): np.lib.format.read_array(file)
                for name in packed.namelist()
                for file in [io.BytesIO(packed.read(name))]
            }
    except BROKEN as error:
        remedy = f"measure it anew: remove {path.with_suffix('.jsonl')}, and run "
        remedy += f"scripts/evaluate.py run_dir={path.parents[1]} eval=…"
        raise damaged(path, " ".join(str(error).split()), remedy) from error


BROKEN: tuple[type[Exception], ...] = (  # by NumPy and zipfile, where bytes are wrong
    *(OSError, ValueError, EOFError, TypeError, KeyError, SyntaxError),
    *(NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error),
)
MEASURED = [
    field.name for field in dataclasses.fields(Measurement) if field.name != "arrays"
]
