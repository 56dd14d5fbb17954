"""Manifests: the SHA-256 of each file of a folder, as `sha256sum` writes them."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from research.files.digest import hash_file

FIRST_EDITION = re.compile(r"[0-9a-f]{64}")  # one sum over all files, until 2026


def describe(folder: Path) -> str:
    """Returns a line `SHA256  FOLDER/PATH` for each file of a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
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
        return folder.is_dir() and text == hash_folder(folder)
    lines = [line.partition("  ") for line in text.splitlines()]
    files = {folder.parent / name: wanted for wanted, _, name in lines}
    return bool(files) and all(
        path.is_file() and hash_file(path) == wanted for path, wanted in files.items()
    )


def hash_folder(folder: Path) -> str:
    """Returns the first edition's sum over names and contents of all files."""
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        total.update(f"{path.relative_to(folder)} {hash_file(path)}\n".encode())
    return total.hexdigest()
