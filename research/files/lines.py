"""Rows as lines of JSON, which a kill cannot lose."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from research.errors import UserError
from research.files import atomic
from research.files.atomic import plain, read_bytes, unwritable, write_bytes


class MetricsFile:
    """Appends rows to a run's `metrics.jsonl`, each flushed: a kill loses none.

    A last line that a kill left half-written is cut off first.

    Args:
      run_dir: the run folder, made if need be.

    Raises:
      UserError: the folder cannot be written.
    """

    def __init__(self, run_dir: str | Path):
        path = Path(run_dir) / "metrics.jsonl"
        self.path = path if atomic.writes else Path(os.devnull)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a+b", buffering=0)
            self._file.seek(0)
            if unfinished := self._file.read().rpartition(b"\n")[2]:
                self._file.truncate(self._file.tell() - len(unfinished))
        except OSError as error:
            raise unwritable(self.path, error) from error

    def append(self, row: Mapping[str, Any]) -> None:
        """Writes one row; array scalars become numbers. Raises as the constructor."""
        data = line(row)
        try:
            if self._file.write(data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise unwritable(self.path, error) from error

    def truncate(self, step: int) -> None:
        """Drops the rows after `step`, which a resumed run is about to write again."""
        rows = [row for row in read_lines(self.path) if row.get("step", 0) <= step]
        self._file.close()
        write_lines(self.path, rows)
        self._file = self.path.open("ab", buffering=0)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __enter__(self) -> MetricsFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def write_lines(path: str | Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes rows as JSON lines, atomically. Raises as `write_bytes`."""
    write_bytes(path, b"".join(map(line, rows)))


def read_lines(path: str | Path) -> list[dict[str, Any]]:
    """Returns the rows of a JSON-lines file, less a last line left half-written.

    Args:
      path: the file.

    Raises:
      UserError: the file cannot be read, or another line is no JSON object.
    """
    *lines, _ = read_bytes(path).split(b"\n")  # the rest is unfinished
    rows = []
    for number, text in enumerate(lines, 1):
        try:
            row = json.loads(text)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise bad_line(path, number, f"not a JSON object: {text[:60]!r}")
        rows.append(row)
    return rows


def bad_line(path: str | Path, number: int, fault: str) -> UserError:
    """Returns the error for a line that cannot be used; lines count from 1."""
    return UserError(f"{path}, line {number}: {fault}; mend or remove that line")


def line(row: Mapping[str, Any]) -> bytes:
    """Returns a row as one line of JSON."""
    return json.dumps(plain(row), ensure_ascii=False).encode() + b"\n"
