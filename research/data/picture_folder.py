"""The pictures of a folder: which files they are, and their arrays on disk.

FOLDER/test/*.npy         the arrays, see `arrays`
FOLDER/photographs.json   their names, in the same order
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from research.data import arrays
from research.data.builders.class_folders import SUFFIXES, UNREAD, is_image, walk
from research.data.frame import Frame, Unusable
from research.data.images import UNREADABLE, describe_fault
from research.errors import UserError
from research.files.atomic import read_json, write_json
from research.progress import bar, say

NAMED = SUFFIXES | UNREAD  # by which a file is meant as a picture
NAMES = "photographs.json"
REMEDY = "remove that folder, and it is made anew"


def find_pictures(root: Path) -> list[Path]:
    """Returns what is meant as a picture, by its name or its content, shuffled.

    Raises:
      UserError: there is none.
    """
    found = [
        path
        for path in walk(root)
        if path.suffix.lower() in NAMED or (path.is_file() and is_image(path))
    ]
    if not found:
        raise UserError(
            f"data.manual_dir={root}: holds no picture ({', '.join(sorted(SUFFIXES))}) "
            "at any depth; give the folder of your photographs"
        )
    return sorted(found, key=lambda path: hash_text(key_of(path, root)))


def hash_text(text: str) -> str:
    """Returns the SHA-256 of a text, whatever bytes a file's name in it has."""
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def key_of(path: Path, root: Path) -> str:
    """Returns the name of a picture: its path below the folder."""
    return path.relative_to(root).as_posix()


class Broken(Exception):
    """Some pictures cannot be read.

    Args:
      faults: by path, what is wrong.
    """

    def __init__(self, faults: Mapping[Path, str]):
        super().__init__(f"{len(faults)} pictures")
        self.faults = faults


def make(
    folder: Path, root: Path, paths: Sequence[Path], frame: Frame, *, skip_broken: bool
) -> None:
    """Writes the arrays of the pictures that can be read.

    Args:
      folder: where.
      root: of the pictures.
      paths: of them.
      frame: what is kept of each.
      skip_broken: see `load`.

    Raises:
      UserError: names all that cannot, unless they are to be left out; or no picture
        can be read, or nothing can be written.
    """
    try:
        write(folder, root, paths, frame)
        return
    except Broken as broken:
        faults = broken.faults
    named = "; ".join(f"{key_of(path, root)} {faults[path]}" for path in sorted(faults))
    count = f"{len(faults)} of {len(paths)} pictures"
    good = [path for path in paths if path not in faults]
    if not skip_broken or not good:
        remedy = "mend them or take them out"
        if good:
            remedy += ", or go on without them: data.skip_broken=true"
        raise UserError(
            f"data.manual_dir={root}: {count} cannot be used: {named}; {remedy}"
        )
    say(f"left out {count}: {named}")
    write(folder, root, good, frame)


def write(folder: Path, root: Path, paths: Sequence[Path], frame: Frame) -> None:
    """Writes the arrays of pictures, and their names.

    Raises:
      Broken: some cannot be read; nothing is left.
      UserError: nothing can be written.
    """
    with arrays.publish(folder) as whole:
        pictures = read_all(paths, frame)
        arrays.write(whole / "test", pictures, count=len(paths), classes=None)
        names = [key_of(path, root) for path in paths]
        write_json(whole / NAMES, {"photographs": names}, by_each=True)


def read_all(paths: Sequence[Path], frame: Frame) -> Iterator[arrays.Example]:
    """Yields the arrays of all pictures that can be read.

    Raises:
      Broken: at the end, if some cannot.
    """
    faults: dict[Path, str] = {}
    with bar("pictures", len(paths), "pictures") as show:
        for number, path in enumerate(paths, 1):
            try:
                yield read(path, frame)
            except Unusable as error:
                faults[path] = str(error)
            except UNREADABLE as error:
                faults[path] = describe_fault(error)
            show(number, path.name)
    if faults:
        raise Broken(faults)


def read(path: Path, frame: Frame) -> arrays.Example:
    """Returns the arrays of a picture.

    Raises:
      OSError, SyntaxError, ValueError, DecompressionBombError: it cannot be read.
      Unusable: its name is that of something else, or it is too small.
    """
    suffix = path.suffix.lower()
    if suffix not in NAMED:
        kinds = ", ".join(sorted(SUFFIXES))
        raise Unusable(f"is an image whose name ends in none of {kinds}")
    return frame.read(path)


def read_photographs(folder: Path) -> list[str]:
    """Returns the names of the pictures whose arrays lie in a folder, in order.

    Raises:
      UserError: the file is missing or damaged.
    """
    try:
        return list(read_json(folder / NAMES, remedy=REMEDY)["photographs"])
    except (FileNotFoundError, KeyError):
        raise UserError(f"{folder / NAMES} is missing or damaged; {REMEDY}") from None
