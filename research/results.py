"""Results are data: rows on disk, written whole or not at all, and read back as tables.

A run folder holds `config.yaml`, `provenance.json`, `metrics.jsonl`, `eval/<name>.jsonl`
with one `Row` per measurement, `eval/<name>.npz` with the per-example values behind them,
and `done.json`, written last. Nothing here knows JAX: arrays are NumPy's.

Files are strict JSON: a value that is not finite is written as null and read back as NaN.
"""

from __future__ import annotations

import dataclasses
import io
import json
import math
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from jaxtyping import Shaped

from research.errors import UserError
from research.stats import bootstrap_mean

Examples = Shaped[np.ndarray, "n"]


@dataclasses.dataclass(frozen=True)
class Measurement:
    """One value that an evaluator yields.

    Attributes:
      protocol: what was done to the images: `accuracy`, `circular`, `zero`, `orbit`, ….
      measure: what was measured: `accuracy`, `agreement`, `mac`, ….
      value: the result, a fraction in [0, 1] where it is a proportion (never per cent).
      n: how many examples it is a mean over.
      params: the protocol's parameters, as JSON values.
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
          examples: (n,) one value per example, in any array type; kept in
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
    value: float | int
    low: float | int | None
    high: float | int | None
    interval: str
    n: int
    method: str


class Metrics:
    """Appends rows to a run's `metrics.jsonl`, each flushed: a kill loses none.

    A last line that a kill left half-written is cut off before the first append.

    Args:
      run_dir: the run folder, made if need be.

    Raises:
      UserError: the folder cannot be written.
    """

    def __init__(self, run_dir: str | Path):
        self.path = Path(run_dir) / "metrics.jsonl"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a+b")
            self._cut_unfinished()
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def append(self, row: Mapping[str, Any]) -> None:
        """Writes one row; array scalars become numbers."""
        try:
            self._file.write(_line(row))
            self._file.flush()
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def truncate(self, step: int) -> None:
        """Drops the rows after `step`: what a resumed run is about to do again."""
        rows = [row for row in read_lines(self.path) if row.get("step", 0) <= step]
        self._file.close()
        _replace(self.path, b"".join(_line(row) for row in rows))
        self._file = self.path.open("ab")

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __enter__(self) -> Self:
        """Returns itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes the file."""
        self.close()

    def _cut_unfinished(self) -> None:
        self._file.seek(0)
        whole = self._file.read().rfind(b"\n") + 1
        self._file.truncate(whole)


def write_json(path: str | Path, value: Any) -> None:
    """Writes one JSON value, atomically.

    Raises:
      UserError: the disk is full or the folder cannot be written; no file is left behind.
    """
    _replace(path, json.dumps(_plain(value), indent=2).encode() + b"\n")


def write_rows(path: str | Path, rows: Iterable[Row | Mapping[str, Any]]) -> None:
    """Writes rows as JSON lines, atomically. Raises as `write_json`."""
    _replace(path, b"".join(_line(row) for row in rows))


def write_text(path: str | Path, text: str) -> None:
    """Writes a text file, atomically. Raises as `write_json`."""
    _replace(path, text.encode())


def write_measurements(
    run_dir: str | Path,
    name: str,
    measurements: Iterable[Measurement],
    provenance: Mapping[str, Any],
    split: str,
) -> list[Row]:
    """Writes `eval/<name>.npz`, then `eval/<name>.jsonl`: rows on disk have their arrays.

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
    rows: dict[str, Row] = {}
    arrays = {}
    for one in measurements:
        if one.key in rows:
            raise ValueError(f"{name}: measured twice: {one.key}")
        given = {field: getattr(one, field) for field in _MEASURED}
        run = {field: provenance[field] for field in ("run", "seed", "commit")}
        rows[one.key] = Row(
            **run, split=split, **given | {"params": dict(one.params)}
        )
        for label, array in one.arrays.items():
            arrays[f"{one.key}/{label}"] = np.asarray(array)
    folder = Path(run_dir) / "eval"
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)
    _replace(folder / f"{name}.npz", packed.getvalue())
    write_rows(folder / f"{name}.jsonl", rows.values())
    return list(rows.values())


def read_arrays(run_dir: str | Path, name: str) -> dict[str, np.ndarray]:
    """Returns the per-example values behind `eval/<name>.jsonl`.

    Keys are `Measurement.key` + `/` + the array's name, such as
    `circular,max_shift=3/agreement/examples`.
    """
    with np.load(Path(run_dir) / "eval" / f"{name}.npz") as arrays:
        return dict(arrays)


def read_lines(path: str | Path) -> list[dict[str, Any]]:
    """Returns the rows of a JSON-lines file, less a last line left half-written.

    Raises:
      UserError: another line is not JSON.
    """
    *lines, _ = Path(path).read_bytes().split(b"\n")  # after the last newline: unfinished
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            rows.append(json.loads(line))
        except ValueError as error:
            raise UserError(
                f"{path}, line {number}: not a JSON object: {line[:60]!r}; mend or remove "
                "that line"
            ) from error
    return rows


_MEASURED = [
    field.name for field in dataclasses.fields(Measurement) if field.name != "arrays"
]


def _replace(path: str | Path, content: bytes) -> None:
    """Puts `content` at `path` in one step, so that a reader sees all of it or the old."""
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            temporary = Path(file.name)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise _unwritable(path, error) from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _unwritable(path: Path, error: OSError) -> UserError:
    return UserError(
        f"cannot write {path}: {error.strerror}; make room there or choose another folder "
        "(key hydra.run.dir, of a sweep hydra.sweep.dir, of a report out)"
    )


def _line(row: Row | Mapping[str, Any]) -> bytes:
    row = dataclasses.asdict(row) if isinstance(row, Row) else row
    return json.dumps(_plain(row)).encode() + b"\n"


def _plain(value: Any) -> Any:
    """Returns a value in strict JSON's types; arrays of any library become lists."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, str | int | None):
        return value
    if isinstance(value, Path):
        return str(value)
    return _plain(value.tolist())
