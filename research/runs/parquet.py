"""The files of a packed store: how tables become bytes, and a store whole or absent.

The same tables give the same bytes. All files of a store are written beside it first
and then put in place, `store.json` last, which holds the SHA-256 of the others; after a
kill in between, `finish` puts the rest in place. Nothing here knows what a run is.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import compute

from research.errors import UserError
from research.files.atomic import read_json, unwritable, write_bytes, write_json
from research.files.digest import hash_file

INDEX = "store.json"
FORMAT = 1
WRITING = ".writing"  # the files of a store to be; may be incomplete
WRITTEN = ".written"  # complete: its files are being put in place
TRIES, PAUSE = 20, 0.1  # looks at a store that is being put in place, seconds between
GROUP_BYTES = 1 << 21  # of a row group, before compression
LEVEL = 19  # of zstd: packing is rare, reading as fast as at any other level


def encode(table: pa.Table, sizes: Sequence[int] | None = None) -> bytes:
    """Returns a table as a Parquet file, the same bytes for the same table.

    Args:
      table: to be written.
      sizes: bytes of each row, where they are large: a row group has few of these.
    """
    sink = pa.BufferOutputStream()
    texts = [field.name for field in table.schema if pa.types.is_string(field.type)]
    with pq.ParquetWriter(
        sink,
        table.schema,
        compression="zstd",
        compression_level=LEVEL,
        use_dictionary=texts,
        store_schema=False,
    ) as writer:
        for start, stop in split_rows(sizes or [1] * len(table)):
            writer.write_table(table.slice(start, stop - start))
    return sink.getvalue().to_pybytes()


def split_rows(sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yields where row groups of about `GROUP_BYTES` begin and end; at least one."""
    start = total = 0
    for row, size in enumerate(sizes):
        if total and total + size > GROUP_BYTES:
            yield start, row
            start, total = row, 0
        total += size
    yield start, len(sizes)


def write(folder: Path, files: Mapping[str, bytes], counts: Mapping[str, int]) -> None:
    """Writes the files of a store and its index, all of them or none.

    Args:
      folder: the store.
      files: their content by name.
      counts: for the index: how many of what there are.

    Raises:
      UserError: the disk is full or the folder cannot be written.
    """
    new = folder / WRITING
    shutil.rmtree(new, ignore_errors=True)
    for name, content in files.items():
        write_bytes(new / name, content)
    digests = {
        name: hashlib.sha256(content).hexdigest() for name, content in files.items()
    }
    write_json(new / INDEX, {"format": FORMAT, **counts, "sha256": digests})
    try:
        new.rename(folder / WRITTEN)
    except OSError as error:
        raise unwritable(folder, error) from error
    finish(folder)


def finish(folder: Path) -> None:
    """Puts the files of a store in place that was completely written, if there is one.

    Raises:
      UserError: the folder cannot be written.
    """
    new = folder / WRITTEN
    try:
        names = os.listdir(new) if new.is_dir() else []
        for name in sorted(names, key=lambda name: (name == INDEX, name)):
            os.replace(new / name, folder / name)
        if new.is_dir():
            new.rmdir()
    except OSError as error:
        raise unwritable(folder, error) from error


def read(
    path: Path,
    chosen: Mapping[str, Sequence[str] | None] | None = None,
    columns: Sequence[str] | None = None,
) -> pa.Table:
    """Returns a table of a store; see `require_whole`.

    Args:
      path: of its file.
      chosen: by column, which values the rows may have; None: any.
      columns: which to read; None: all.
    """
    rows = None
    for column, values in (chosen or {}).items():
        if values is not None:
            known = pa.array([*values], pa.string())  # of none, too
            one = compute.field(column).isin(known)
            rows = one if rows is None else rows & one
    return pq.read_table(path, columns=columns, filters=rows)


def require_whole(path: Path, tries: int = TRIES) -> dict[str, Any]:
    """Refuses a file that is not the one that the index beside it names.

    While the store is packed anew some of its files are of the next: it is looked at
    again.

    Args:
      path: the file.
      tries: how often at most.

    Returns:
      The index.

    Raises:
      UserError: it is missing, or another one.
    """
    known = index(path.parent)
    if not path.is_file():
        raise store_error(path, "is missing")
    facts = path.stat()
    wanted = known["sha256"].get(path.name)
    if digest(path, facts.st_size, facts.st_mtime_ns) == wanted:
        return known
    packing = (path.parent / WRITTEN).exists() or index(path.parent) != known
    if not packing or tries <= 1:
        raise store_error(path, f"is not the file that {path.parent / INDEX} names")
    time.sleep(PAUSE)
    return require_whole(path, tries - 1)


def index(folder: Path) -> dict[str, Any]:
    """Returns the index of a store.

    Raises:
      UserError: there is none, or a newer version of this code wrote it.
    """
    path = folder / INDEX
    try:
        found = read_json(path, remedy=describe_remedy(path))
    except FileNotFoundError:
        raise store_error(path, "is missing") from None
    if found.get("format") != FORMAT:
        raise UserError(
            f"{path}: format={found.get('format')}: this code reads {FORMAT}; use the "
            "code that packed it"
        )
    if not isinstance(found.get("sha256"), dict):
        raise store_error(path, "names no files")
    return found


@lru_cache(maxsize=64)
def digest(path: Path, size: int, changed: int) -> str:
    """Returns the SHA-256 of a file, computed once for each size and time of change."""
    return hash_file(path)


def store_error(path: Path, fault: str) -> UserError:
    """Returns the error for a file of a store that cannot be read."""
    return UserError(f"{path} {fault}: {describe_remedy(path)}")


def describe_remedy(path: Path) -> str:
    """Returns what to do about a damaged file of a store."""
    return (
        f"bring it back with `git checkout {path}`, or pack the runs again: "
        f"scripts/pack.py runs=… out={path.parent}"
    )


def shuffle_bytes(array: np.ndarray) -> bytes:
    """Returns an array's bytes, the first of each value, then the second, and so on.

    Compressed, they take less room: of small integers most bytes are 0.
    """
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat.view(np.uint8).reshape(flat.size, flat.itemsize).T.tobytes()


def unshuffle_bytes(
    content: bytes, dtype: np.dtype, shape: Sequence[int]
) -> np.ndarray:
    """Returns the array of a shape and type that `shuffle_bytes` encoded."""
    planes = np.frombuffer(content, np.uint8).reshape(dtype.itemsize, -1)
    return np.ascontiguousarray(planes.T).reshape(-1).view(dtype).reshape(shape)
