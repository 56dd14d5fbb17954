"""Files that are written whole or not at all, and JSON read back from them.

JSON here is strict: a number that is not finite is written as null.
"""

from __future__ import annotations

import errno
import json
import math
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from research.errors import Unwritable, UserError

FULL = (errno.ENOSPC, errno.EDQUOT)
READABLE = 0o644  # mkstemp's 0600 would hide results from colleagues
TRIES = 5  # at a file that others replace while it is read
LINKLESS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
writes = True  # of several processes that run one job, only the first (hosts.join)


def write_bytes(path: str | Path, content: bytes, *, by_each: bool = False) -> None:
    """Puts `content` at `path` in one step: a reader sees all of it or what was there.

    Args:
      path: the file.
      content: of it.
      by_each: whether each of several processes that run one job writes it, such as in
        a folder of data that it makes for itself; otherwise only the first does.

    Raises:
      UserError: the disk is full or the folder cannot be written; nothing stays behind.
    """
    if not (writes or by_each):
        return
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, READABLE)
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise unwritable(path, error) from error


def write_text(path: str | Path, text: str) -> None:
    """Writes a text file, atomically. Raises as `write_bytes`."""
    write_bytes(path, text.encode())


def write_json(path: str | Path, value: Any, *, by_each: bool = False) -> None:
    """Writes one JSON value, atomically. Arguments and errors as of `write_bytes`."""
    text = json.dumps(plain(value), indent=2, ensure_ascii=False)
    write_bytes(path, text.encode() + b"\n", by_each=by_each)


def remove(path: Path) -> None:
    """Removes a file, if it is there; of several processes only the first does."""
    if writes:
        path.unlink(missing_ok=True)


def read_json(path: str | Path, *, remedy: str = "") -> dict[str, Any]:
    """Returns the JSON object that a file holds.

    Args:
      path: the file.
      remedy: what to do about a damaged one; by default, to run again what wrote it.

    Raises:
      FileNotFoundError: there is no such file.
      UserError: it cannot be read, or holds no JSON object.
    """
    path = Path(path)
    content = read_bytes(path, remedy)
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        return value
    raise damaged(path, "it holds no JSON object", remedy)


def read_bytes(path: str | Path, remedy: str = "", tries: int = TRIES) -> bytes:
    """Returns what a file holds.

    On a network file system a file that another machine replaces while it is read here
    is stale, and the new one lies at its path: that is read then.

    Args:
      path: the file.
      remedy: as of `read_json`.
      tries: how often at most it is read.

    Raises:
      FileNotFoundError: there is no such file.
      UserError: it cannot be read: it is a folder, or permission is missing.
    """
    path = Path(path)
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno == errno.ESTALE and tries > 1:
            return read_bytes(path, remedy, tries - 1)
        fault = f"it cannot be read ({error.strerror})"
        raise damaged(path, fault, remedy) from error


def damaged(path: Path, fault: str, remedy: str = "") -> UserError:
    """Returns the error for a file that cannot be read; arguments as `read_json`."""
    again = f"bring it back, or remove {path.parent} and run its command again"
    return UserError(f"{path} is damaged: {fault}; {remedy or again}")


def plain(value: Any) -> Any:
    """Returns a value in strict JSON's types; arrays of any library become lists."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, str | int | None):
        return value
    if isinstance(value, Path):
        return str(value)
    return plain(value.tolist())


ROOT = "root=… (of a report or a store, out=…)"  # says where results lie


def unwritable(path: Path, error: OSError, key: str = ROOT) -> Unwritable:
    """Returns the error for a path that cannot be written.

    Args:
      path: what was to be written.
      error: why it cannot be.
      key: what says where it lies.
    """
    full = error.errno in FULL
    linking = error.filename2 is not None and error.errno in LINKLESS
    reason = "its file system has no hard links" if linking else error.strerror
    return Unwritable(
        f"cannot write {path}: {reason}; {'make room there, or ' * full}choose another "
        f"folder with {key}"
    )


@contextmanager
def make_folder(folder: Path, key: str) -> Iterator[Path]:
    """Makes a folder to write files to; errors of writing there become one line.

    Args:
      folder: which, made with those above it where they are missing.
      key: what says where it lies: `data.dir=…`.

    Yields:
      The folder.

    Raises:
      UserError: names what cannot be written, why, and the key.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
    except OSError as error:
        at = Path(error.filename or folder)
        ours = folder in (at, *at.parents) or at in folder.parents
        if not ours or (error.filename is None and error.errno not in FULL):
            raise  # of another place: a file that is read
        raise unwritable(at, error, key) from error
