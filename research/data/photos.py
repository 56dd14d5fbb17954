"""Photographs that nobody labelled: a folder of any depth, of pictures of any size.

Each is scaled as networks for ImageNet are given theirs, and what lies around the part
that a network sees is kept, as `data=scenes` keeps it: `canvas`, of which `image` is
the window whose first row and column are `corner`. So real content comes in when a
window moves. Stored order is a fixed shuffle: the first are a sample.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Annotated, NoReturn

from research.data import arrays
from research.data.builders.class_folders import SUFFIXES, UNREAD, is_image, walk
from research.data.frame import Frame, Kept
from research.data.images import UNREADABLE, describe_fault, require_channels
from research.data.source import Dataset
from research.data.split import Split
from research.errors import UserError
from research.files.atomic import read_json, write_json
from research.progress import bar, say
from research.types import Count, Finite, Interpolation, Length, Positive, Range

NAMED = SUFFIXES | UNREAD  # by which a file is meant as a picture
NAMES = "photographs.json"
REMEDY = "remove that folder, and it is made anew"
Level = Annotated[int, Range(0, 255)]
Colour = Annotated[Sequence[Level], Length(3, 3, "red, green, blue")]


def load(
    *,
    name: str,
    shape: Annotated[Sequence[Count], Length(3, 3, "height, width, channels")],
    dir: str | Path,
    manual_dir: str | Path | None,
    classes: Count | None = None,
    mean: Annotated[Sequence[Finite], Length()] = (0.5,),
    std: Annotated[Sequence[Positive], Length()] = (0.25,),
    central: Kept = 0.875,
    zoom: Count = 1,
    resize: bool = True,
    interpolation: Interpolation = "bilinear",
    background: Colour = (255, 255, 255),
    skip_broken: bool = False,
) -> Dataset:
    """Loads the photographs of a folder, whose one split is `test`, without labels.

    Arrays are made of them at the first use, and again when a file has changed.

    Args:
      name: of the data set.
      shape: (height, width, channels) of what a network sees.
      dir: the folder of data sets, in which the arrays are kept.
      manual_dir: the folder of photographs.
      classes: of a network that is not trained; the photographs have none.
      mean: of the pixels in [0, 1], for networks of ours.
      std: likewise.
      central: see `research.data.frame.Frame`.
      zoom: likewise.
      resize: likewise.
      interpolation: likewise.
      background: likewise; sRGB in 0…255.
      skip_broken: whether pictures that cannot be read are left out, rather than
        refused.

    Raises:
      UserError: there is no such folder, it holds no picture, or some cannot be read.
    """
    height, width, channels = shape
    require_channels((height, width, channels))
    frame = Frame(
        (height, width, channels),
        central,
        zoom,
        resize,
        interpolation,
        tuple(background),
    )
    root = require_folder(manual_dir)
    paths = find_pictures(root)
    version = hash_pictures(root, paths, frame, skip_broken)
    folder = Path(dir) / "photos" / version
    if not folder.is_dir():
        make(folder, root, paths, frame, skip_broken=skip_broken)
    read = cache(lambda: Split(arrays.read(folder / "test", remedy=REMEDY)))
    return Dataset(
        name,
        version,
        frame.shape,
        classes,
        {"train": refuse_split, "validation": refuse_split, "test": read},
        mean=mean,
        std=std,
        photographs=read_photographs(folder),
    )


def require_folder(manual_dir: str | Path | None) -> Path:
    """Returns the folder of photographs.

    Raises:
      UserError: none is given, or it is no folder.
    """
    root = None if manual_dir is None else Path(manual_dir).expanduser()
    if root is None or not root.is_dir():
        raise UserError(
            f"data.manual_dir={'null' if manual_dir is None else manual_dir}: takes "
            "the folder of your photographs, data.manual_dir=DIR"
        )
    return root


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


def hash_pictures(
    root: Path, paths: Sequence[Path], frame: Frame, skip_broken: bool
) -> str:
    """Returns a digest of what decides the arrays: which files, and what is kept."""
    files = []
    for path in paths:
        known = path.stat() if path.exists() else None
        size, time = (known.st_size, known.st_mtime_ns) if known else (0, 0)
        files.append([key_of(path, root), size, time])
    return hash_text(json.dumps([asdict(frame), skip_broken, files]))[:16]


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
    named = "; ".join(f"{key_of(path, root)} {why}" for path, why in faults.items())
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
        write_json(whole / NAMES, {"photographs": names})


def read_all(paths: Sequence[Path], frame: Frame) -> Iterator[arrays.Example]:
    """Yields the arrays of all pictures that can be read.

    Raises:
      Broken: at the end, if some cannot.
    """
    faults: dict[Path, str] = {}
    with bar("pictures", len(paths)) as show:
        for number, path in enumerate(paths, 1):
            try:
                yield read(path, frame)
            except UNREADABLE as error:
                faults[path] = describe_fault(error)
            show(number, path.name)
    if faults:
        raise Broken(faults)


def read(path: Path, frame: Frame) -> arrays.Example:
    """Returns the arrays of a picture.

    Raises:
      OSError, SyntaxError, ValueError, DecompressionBombError: it cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix not in NAMED:
        raise ValueError(f"its name ends in none of {', '.join(sorted(SUFFIXES))}")
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


def refuse_split() -> NoReturn:
    """Refuses to give examples to train on, or to choose by.

    Raises:
      UserError: always.
    """
    raise UserError(
        "data=photos: photographs without labels have only split=test, and nothing can "
        "be trained on them: evaluate a model, predict=…, or train on data=folder"
    )
