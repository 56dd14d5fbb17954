"""Finds the images of DIR/SPLIT/CLASS: each of them, or an error that names one.

Nothing that is an image is passed over without a word: one that lies in no class, or
whose name says something else, is an error. What desktops, archives and notebooks leave
behind is no image of yours: hidden files and folders, and those that `LEFT_BEHIND`
names. Links are followed.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import NoReturn

from PIL import Image

from research.data.images import UNREADABLE, without_remarks
from research.errors import UserError

SPLITS = {"train": "train", "val": "validation", "validation": "validation"}
SPLITS["test"] = "test"
FORMATS = {  # Pillow's names → the suffixes of such files
    "PNG": (".png", ".apng"),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "GIF": (".gif",),
    "BMP": (".bmp",),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
}
SUFFIXES = {suffix for suffixes in FORMATS.values() for suffix in suffixes}
UNREAD = {".avif", ".heic", ".heif", ".ico", ".jp2", ".jxl", ".psd", ".svg", ".tga"}
LEFT_BEHIND = {  # in any case: by macOS, Windows and network drives
    "__macosx",
    "thumbs.db",
    "desktop.ini",
    "icon\r",
    "$recycle.bin",
    "system volume information",
    "@eadir",
    "lost+found",
}
LAYOUT = "DIR/train/CLASS/*.jpg and DIR/test/CLASS/*.jpg"


def find_splits(root: Path) -> dict[str, Path]:
    """Returns the folder of each split.

    Raises:
      UserError: there is no folder `train`, no other, or two of one split.
    """
    found: dict[str, Path] = {}
    for name, split in SPLITS.items():
        if (root / name).is_dir():
            if split in found:
                raise UserError(
                    f"{root / name} is the same split as {found[split]}: put the "
                    "images of both into one of them"
                )
            found[split] = root / name
    if "train" not in found or len(found) < 2:
        raise UserError(
            f"data.manual_dir={root} needs the folders train and test (or validation), "
            f"with a folder of images for each class: {LAYOUT}"
        )
    return found


def find_classes(folder: Path) -> dict[str, Path]:
    """Returns the folder of each class of a split, in alphabetical order.

    Names are compared in one spelling, Unicode's NFC: a Mac writes ö as two characters.

    Raises:
      UserError: an image lies in no class, there is no class, or a name is that of two
        or cannot be kept.
    """
    found: dict[str, Path] = {}
    for path in list_entries(folder):
        if not path.is_dir():
            if is_picture(path):
                raise UserError(
                    f"{path} lies in no class folder, so it has no label: takes "
                    f"{LAYOUT}"
                )
            continue
        name = unicodedata.normalize("NFC", path.name)
        if name != name.strip() or not is_text(name):
            raise UserError(
                f"{path.name!r} in {folder} cannot be the name of a class: takes text "
                "without spaces around it; rename the folder"
            )
        if name in found:
            raise UserError(
                f"{folder} has two folders {name!r}, ö as one character and as two: "
                "put their images into one of them"
            )
        found[name] = path
    if not found:
        raise UserError(f"{folder} has no class folder: takes {LAYOUT}")
    return dict(sorted(found.items()))


def find_images(folder: Path, classes: Mapping[str, object]) -> list[tuple[str, Path]]:
    """Returns the class and the path of each image of a split.

    Args:
      folder: of the split.
      classes: those of `train`, by name.

    Raises:
      UserError: a class has no image or is none of `train`, or as `find_classes` and
        `is_picture`.
    """
    files: list[tuple[str, Path]] = []
    for name, path in find_classes(folder).items():
        if name not in classes:
            near = [one for one in classes if one.casefold() == name.casefold()]
            meant = f", but {near[0]!r}" if near else ""
            raise UserError(
                f"{path}: train has no class {name!r}{meant}; rename the folder or "
                "take it out"
            )
        images = sorted(filter(is_picture, walk(path)))
        if not images:
            kinds = ", ".join(sorted(SUFFIXES))
            raise UserError(f"{path} holds no image ({kinds}); add some or take it out")
        files += [(name, image) for image in images]
    return files


def is_flat(folder: Path) -> bool:
    """Whether images of a split lie in its own folder, not in those of classes."""
    entries = list_entries(folder)
    return any(path.suffix.lower() in SUFFIXES for path in entries if path.is_file())


def find_pictures(folder: Path, name: str) -> list[tuple[str, Path]]:
    """Returns the images of a split that has no class folders, all of one class.

    Raises:
      UserError: there is none, or as `is_picture`.
    """
    images = sorted(filter(is_picture, walk(folder)))
    if not images:
        kinds = ", ".join(sorted(SUFFIXES))
        raise UserError(f"{folder} holds no image ({kinds}); add some")
    return [(name, image) for image in images]


def walk(folder: Path) -> Iterator[Path]:
    """Yields the files below a folder that are not left behind, behind links as well.

    Each folder is entered once, however many links lead to it, and no folder above:
    the images of all classes would be of this one.

    Raises:
      UserError: a folder cannot be read.
    """
    real = Path(os.path.realpath(folder))
    above = [*real.parents, *folder.absolute().parents]
    entered = {os.path.realpath(one) for one in above}
    for at, below, names in os.walk(folder, followlinks=True, onerror=refuse_folder):
        entered.add(os.path.realpath(at))
        below[:] = sorted(
            name
            for name in below
            if not is_left_behind(name)
            and os.path.realpath(os.path.join(at, name)) not in entered
        )
        yield from (Path(at, name) for name in names if not is_left_behind(name))


def refuse_folder(error: OSError) -> NoReturn:
    """Raises the error for a folder that cannot be read: its images would be missed."""
    raise UserError(
        f"{error.filename} cannot be read: {error.strerror}; give yourself access to "
        "it, or take it out"
    ) from error


def list_entries(folder: Path) -> list[Path]:
    """Returns what lies in a folder and was not left behind, in order."""
    return sorted(path for path in folder.iterdir() if not is_left_behind(path.name))


def is_left_behind(name: str) -> bool:
    """Whether a file or folder of this name was made by a desktop, not by its user."""
    return name.startswith(".") or name.casefold() in LEFT_BEHIND


def is_text(name: str, refused: Set[str] = frozenset({"Cc", "Cs"})) -> bool:
    """Whether a name has no character of some categories of Unicode.

    Args:
      name: of a file or folder.
      refused: Cc: control characters; Cs: bytes that are no UTF-8.
    """
    return not refused & {unicodedata.category(character) for character in name}


def is_picture(path: Path) -> bool:
    """Whether a file is meant as an image, by its name.

    Raises:
      UserError: it is no file, its name cannot be kept, or it is an image of a kind
        that is not read, or under the name of something else.
    """
    if not path.is_file():
        kind = "a link to nothing" if path.is_symlink() else "no file"
        raise UserError(f"{path} is {kind}; take it out or mend it")
    named = path.suffix.lower() in SUFFIXES
    if path.suffix.lower() in UNREAD:
        raise UserError(
            f"{path} is an image of a kind that is not read; save it as one of "
            f"{', '.join(sorted(SUFFIXES))}, or take it out"
        )
    if not (named or is_image(path)):
        return False
    if not is_text(path.name, {"Cs"}):
        raise UserError(f"{str(path)!r} has a name whose bytes are no UTF-8; rename it")
    if not named:
        raise UserError(
            f"{path} is an image whose name does not end in one of "
            f"{', '.join(sorted(SUFFIXES))}; rename it or take it out"
        )
    return True


def is_image(path: Path) -> bool:
    """Whether the content of a file begins as that of an image does."""
    try:
        with without_remarks(), Image.open(path, formats=list(FORMATS)):
            return True
    except UNREADABLE:
        return False
