"""Manifests: the SHA-256 of each file of a folder, as `sha256sum` writes them."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from research.files.digest import hash_file
from research.files.leftovers import is_leftover

LINE = re.compile(r"([0-9a-f]{64})  (.{1,255})")  # SHA-256, and a path that may exist
FIRST_EDITION = re.compile(r"[0-9a-f]{64}")  # one sum over all files, until 2026


def describe(folder: Path) -> str:
    """Returns a line `SHA256  FOLDER/PATH` for each file of a folder.

    What a desktop leaves there, and changes again, is no part of it.
    """
    files = list_files(folder, leftovers=False)
    names = (path.relative_to(folder.parent).as_posix() for path in files)
    return "".join(
        f"{hash_file(path)}  {name}\n" for path, name in zip(files, names, strict=True)
    )


def matches(text: str, folder: Path) -> bool:
    """Whether all files that a manifest names are in a folder, as they were.

    Other files there, such as a desktop's `.DS_Store`, do not matter.

    Args:
      text: the manifest.
      folder: the folder that it describes.
    """
    if FIRST_EDITION.fullmatch(text):
        return folder.is_dir() and text in (
            hash_folder(folder),
            hash_folder(folder, True),
        )
    lines = [LINE.fullmatch(line) for line in text.splitlines()]
    return bool(lines) and all(
        line is not None
        and (path := folder.parent / line[2]).is_file()
        and hash_file(path) == line[1]
        for line in lines
    )


def names(text: str, folder: Path) -> set[Path]:
    """Returns the files that a manifest names; of the first edition, all there are."""
    if FIRST_EDITION.fullmatch(text):
        return {*list_files(folder)}
    lines = [line.partition("  ") for line in text.splitlines()]
    return {folder.parent / name for _, _, name in lines}


def hash_folder(folder: Path, leftovers: bool = False) -> str:
    """Returns the first edition's sum over names and contents of all files.

    Args:
      folder: of a checkpoint.
      leftovers: whether a desktop's files count, as they did if they were there.
    """
    total = hashlib.sha256()
    for path in list_files(folder, leftovers):
        total.update(f"{path.relative_to(folder)} {hash_file(path)}\n".encode())
    return total.hexdigest()


def list_files(folder: Path, leftovers: bool = True) -> list[Path]:
    """Returns the files at or below a folder, with or without a desktop's."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [path for path in files if leftovers or not is_leftover(path.name)]
