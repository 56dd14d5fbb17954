"""Packs finished run folders into a store, or into one that is there already.

A run is identified by its training (`research.runs.identity`). If the store already has
a run of the same name and training, the folder replaces only the rows of the evaluators
that it holds; if the training differs, it replaces the whole run. A folder that changes
while it is read, since evaluators measure there, is left for another time.
"""

from __future__ import annotations

import fnmatch
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import pyarrow as pa

from research.errors import UserError
from research.jobs import status
from research.jobs.lock import hold, holder
from research.runs import identity, parquet
from research.runs.folders import FIELDS, Folder, find
from research.runs.store import Array, Run, Store, digests, is_store, to_columns

TEXT, NUMBER, COUNT = pa.string(), pa.float64(), pa.int64()
KINDS = {"seed": COUNT, "n": COUNT, "value": NUMBER, "low": NUMBER, "high": NUMBER}
SCHEMAS = {  # metrics have the columns that were logged
    "runs": pa.schema(dict.fromkeys(("path", "provenance", "done", "config"), TEXT)),
    "rows": pa.schema(
        {"path": TEXT, "file": TEXT} | {one: KINDS.get(one, TEXT) for one in FIELDS}
    ),
    "predictions": pa.schema(
        {"path": TEXT, "file": TEXT, "key": TEXT, "dtype": TEXT}
        | {"shape": pa.list_(COUNT), "values": pa.binary()}
    ),
}


class Record(NamedTuple):
    """All that a store keeps of one run."""

    run: Run
    rows: list[dict[str, Any]]
    metrics: list[dict[str, Any]]
    arrays: list[Array]


def pack(
    runs: str | Path, out: str | Path | None, arrays: Sequence[str] = ("*",)
) -> str:
    """Packs the finished runs at or below a folder.

    Args:
      runs: a run folder, or any folder above some, or above stores.
      out: the store; what it holds already is kept.
      arrays: which arrays of the folders are kept: patterns of `EVALUATOR/KEY`, such as
        `*/accuracy/examples`. Arrays are most of a store.

    Returns:
      A line that says what the store holds.

    Raises:
      UserError: no finished run is there, a file of one is damaged, a pattern fits no
        array, or `out` cannot be written; the store is as it was.
      Held: another process packs into it.
    """
    if out is None:
        raise UserError("out=null: takes a folder, such as out=outputs/packed")
    runs, out = Path(runs), Path(out)
    if runs.resolve() == out.resolve():
        raise UserError(
            f"out={out} is the folder of the runs: a store there would be read in "
            "their place; choose another, such as out=outputs/packed"
        )
    sources = find(runs, without=out)
    new = collect_records(sources, runs, arrays)
    folders = [one.path for one in sources if isinstance(one, Folder)]
    changing = [one for one in folders if name_run(one, runs) not in new]
    left = f"; left out {len(changing)}, which others measure now" if changing else ""
    if not new:
        raise UserError(
            f"runs={runs}: no finished run there{left}; finish one with "
            "scripts/train.py"
        )
    require_arrays(new.values(), arrays)
    with hold(out):
        parquet.finish(out)
        old = collect_records([Store(out)], out) if is_store(out) else {}
        merged = old | {
            name: merge_records(old[name], record) if name in old else record
            for name, record in new.items()
        }
        counts = write(out, [merged[name] for name in sorted(merged, key=places)])
    counted = ", ".join(f"{count:,} {what}" for what, count in counts.items())
    replaced = len(old.keys() & new)
    packed = f"packed {len(new):,} runs, {replaced:,} of them again{left}"
    return f"{out}: {counted}; {packed}"


def collect_records(
    sources: Iterable[Folder | Store], root: Path, arrays: Sequence[str] = ("*",)
) -> dict[str, Record]:
    """Returns what folders and stores hold of each run, by its name below `root`.

    A folder that has changed while it was read is not among them.
    """
    found: dict[str, Record] = {}
    for source in sources:
        runs = source.runs()
        rows, metrics, kept = (
            group_by_path(part)
            for part in (
                iterate_rows(source.rows()),
                iterate_rows(source.metrics()),
                (one._asdict() for one in source.arrays() if is_kept(one, arrays)),
            )
        )
        if isinstance(source, Folder) and has_changed(source, *runs):
            continue
        for run in runs:
            name = name_run(Path(run.path), root)
            found[name] = Record(
                run._replace(path=name),
                [row | {"path": name} for row in rows[run.path]],
                [row | {"path": name} for row in metrics[run.path]],
                [Array(**array | {"path": name}) for array in kept[run.path]],
            )
    return found


def has_changed(folder: Folder, run: Run) -> bool:
    """Whether somebody measures in a folder, or has since it was read."""
    return holder(folder.path) is not None or status.done(folder.path) != run.done


def name_run(path: Path, root: Path) -> str:
    """Returns the name of a run in a store: its path below the folder of all."""
    name = path.relative_to(root).as_posix()
    return root.resolve().name if name == "." else name


def iterate_rows(columns: Mapping[str, list[Any]]) -> Iterable[dict[str, Any]]:
    """Yields the rows of a table of columns."""
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(columns, values, strict=True))


def group_by_path(rows: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Returns rows by their `path`."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row["path"]].append(row)
    return found


def is_kept(array: Array, patterns: Sequence[str]) -> bool:
    """Whether an array is to be kept; see `pack`."""
    name = f"{array.file}/{array.key}"
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def require_arrays(found: Iterable[Record], patterns: Sequence[str]) -> None:
    """Refuses a pattern that fits no array, but for `*`; see `pack`.

    Raises:
      UserError: names the pattern.
    """
    names = {f"{array.file}/{array.key}" for one in found for array in one.arrays}
    for pattern in patterns:
        if pattern != "*" and not fnmatch.filter(names, pattern):
            raise UserError(
                f"arrays={pattern}: no array fits; takes patterns of EVALUATOR/KEY, "
                "such as */accuracy/examples"
            )


def merge_records(old: Record, new: Record) -> Record:
    """Returns what a store keeps of a run that it holds and that is packed again."""
    trainings = {identity.training_digest(one.run.config) for one in (old, new)}
    if len(trainings) > 1:
        return new
    files = {row["file"] for row in new.rows}
    rows = [row for row in old.rows if row["file"] not in files]
    arrays = [array for array in old.arrays if array.file not in files]
    done = new.run.done
    if rows:
        kept = {row["file"] for row in rows}
        before = {file: one for file, one in digests(old.run).items() if file in kept}
        done = done | {"evaluators": before | digests(new.run)}
    return Record(
        new.run._replace(done=done),
        sorted(rows + new.rows, key=lambda row: row["file"]),
        new.metrics or old.metrics,
        arrays + new.arrays,
    )


def places(name: str) -> tuple[str, ...]:
    """Returns the key that sorts names as a walk over the folders would."""
    return PurePosixPath(name).parts


def write(out: Path, found: Sequence[Record]) -> dict[str, int]:
    """Writes a store; returns how much of what it holds."""
    arrays = [array for record in found for array in record.arrays]
    arrays.sort(key=lambda array: (array.file, places(array.path), array.key))
    tables = {
        "runs": [encode_run(record.run) for record in found],
        "rows": [
            row | {"params": to_json(row["params"])}
            for record in found
            for row in record.rows
        ],
        "metrics": [row for record in found for row in record.metrics],
        "predictions": [
            array._asdict()
            | {"dtype": array.values.dtype.str, "shape": list(array.values.shape)}
            | {"values": parquet.shuffle_bytes(array.values)}
            for array in arrays
        ],
    }
    sizes = {"predictions": [array.values.nbytes for array in arrays]}
    files = {
        f"{name}.parquet": parquet.encode(
            to_table(name, rows, SCHEMAS.get(name)), sizes.get(name)
        )
        for name, rows in tables.items()
    }
    counts = {name: len(rows) for name, rows in tables.items()}
    parquet.write(out, files, counts)
    return counts


def encode_run(run: Run) -> dict[str, str]:
    """Returns a run as a row of text."""
    return {"path": run.path} | {
        name: to_json(getattr(run, name)) for name in ("provenance", "done", "config")
    }


def to_json(value: Any) -> str:
    """Returns JSON, its keys in their own order."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def to_table(
    name: str, rows: Sequence[Mapping[str, Any]], schema: pa.Schema | None
) -> pa.Table:
    """Returns rows as an Arrow table.

    Raises:
      UserError: a column holds values that cannot stand in one.
    """
    columns = to_columns(rows, schema.names if schema is not None else None)
    if schema is None:  # in an order that does not depend on that of the runs
        columns = {"path": columns.pop("path", [])} | dict(sorted(columns.items()))
    arrays = {}
    for column, values in columns.items():
        kind = schema.field(column).type if schema is not None else None
        if kind == pa.float64():
            values = [None if value is None else float(value) for value in values]
        try:
            arrays[column] = pa.array(values, kind)
        except UnicodeEncodeError as error:
            raise UserError(
                f"{name}: {column}={error.object!r} has characters that are no UTF-8; "
                "rename it"
            ) from error
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise UserError(
                f"{name}: {column} has values of different types ({error}); give it "
                "one type in all runs, or leave the odd ones out of runs=…"
            ) from error
    return pa.table(arrays)
