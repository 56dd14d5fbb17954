"""Any labelled images as DIR/SPLIT/CLASS/*.jpg, the layout of ImageNet and most others.

There is a split for each of the folders `train`, `validation` (or `val`) and `test`
that exists, and a class for each folder in `train`, in alphabetical order. Files are
stored as they are, at their own size, and scaled to `data.shape` when arrays are made.
A file that is not an 8-bit JPEG or PNG, or that EXIF turns, becomes an upright PNG:
what is transparent on white, and 16 bits of grey as many of them as the whole data set
uses. Links are followed; hidden files and folders, which desktops and notebooks leave
behind, are not images of yours.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from PIL import UnidentifiedImageError

from research.data.images import UNREADABLE, encode_storable, find_depth, find_peak
from research.data.origin import Spec
from research.data.published import Published
from research.errors import UserError

SPLITS = {"train": "train", "val": "validation", "validation": "validation"}
SPLITS["test"] = "test"
Decoded = TypeVar("Decoded")
SUFFIXES = {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp"}


def from_files(spec: Spec) -> Published:
    """Returns a data set of class folders, which `spec.manual_dir` holds."""
    overrides = (
        f"data=folder data.name={spec.name} data.version={spec.version} "
        f"'data.shape=[{','.join(map(str, spec.shape))}]' data.classes={spec.classes}"
    )
    return Published(spec, overrides, open_builder)


def open_builder(
    spec: Spec, *, path_feature: str = "file_name", keep_size: bool = True
) -> Any:
    """Returns the TFDS builder of class folders.

    Args:
      spec: names the data set, and the folder DIR (`manual_dir`). Of one channel,
        colours become grey.
      path_feature: TFDS feature that keeps the path below DIR.
      keep_size: whether to store images at their own size, not at that of `spec`.

    Raises:
      UserError: DIR is not laid out so, or a file is not an image.
    """
    import tensorflow_datasets as tfds  # takes a second to import

    from research.data.tfds_writer import image_builder

    root = spec.manual_dir
    stored = (None, None, spec.shape[2]) if keep_size else spec.shape
    if root is None:
        raise UserError(
            f"data.name={spec.name} is made from your own files: give "
            "data.manual_dir=DIR with DIR/train/CLASS/*.jpg and DIR/test/CLASS/*.jpg"
        )
    folders = find_splits(root)
    names = list_classes(folders["train"])
    if len(names) != spec.classes:
        raise UserError(
            f"data.classes={spec.classes}: {folders['train']} has {len(names)} class "
            f"folders; set data.classes={len(names)}"
        )
    files = {split: list_files(folder, names) for split, folder in folders.items()}
    depth = cache(lambda: measure_depth(chain.from_iterable(files.values())))

    def examples(split: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for path in files[split]:
            key = str(path.relative_to(root))
            label = path.relative_to(folders[split]).parts[0]
            image = read_image(path, stored, depth())
            yield key, {"image": image, "label": label, path_feature: key}

    return image_builder(
        spec,
        shape=stored,
        labels=names,
        splits=lambda _: {split: examples(split) for split in files},
        description=f"Images in {spec.classes} class folders.",
        homepage="",
        **{path_feature: tfds.features.Text()},
    )


def find_splits(folder: Path) -> dict[str, Path]:
    """Returns the folder of each split.

    Raises:
      UserError: there is no folder `train`, or no other.
    """
    found = {
        split: folder / name
        for name, split in SPLITS.items()
        if (folder / name).is_dir()
    }
    if "train" not in found or len(found) < 2:
        raise UserError(
            f"data.manual_dir={folder} needs the folders train and test (or "
            "validation), with a folder of images for each class"
        )
    return found


def list_classes(folder: Path) -> list[str]:
    """Returns the names of the class folders in alphabetical order."""
    found = (path.name for path in folder.iterdir() if path.is_dir())
    return sorted(name for name in found if not name.startswith("."))


def list_files(folder: Path, names: list[str]) -> list[Path]:
    """Returns all image files of a split.

    Raises:
      UserError: a class has no image, or is not one of `names`.
    """
    strange = sorted(set(list_classes(folder)) - set(names))
    if strange:
        raise UserError(f"{folder / strange[0]}: train has no class {strange[0]!r}")
    files = []
    for name in list_classes(folder):
        inside = sorted(walk(folder / name))
        images = [path for path in inside if path.suffix.lower() in SUFFIXES]
        if not images:
            kinds = ", ".join(sorted(SUFFIXES))
            raise UserError(f"{folder / name} holds no image ({kinds})")
        files += images
    return files


def walk(folder: Path) -> Iterator[Path]:
    """Yields the files below a folder that are not hidden, behind links as well.

    Each folder is entered once, however many links lead to it.
    """
    entered: set[str] = set()
    for at, below, names in os.walk(folder, followlinks=True):
        entered.add(os.path.realpath(at))
        below[:] = sorted(
            name
            for name in below
            if not name.startswith(".")
            and os.path.realpath(os.path.join(at, name)) not in entered
        )
        yield from (Path(at, name) for name in names if not name.startswith("."))


def measure_depth(paths: Iterable[Path]) -> int:
    """Returns how many bits the 16-bit grey files of a data set use.

    Raises:
      UserError: a file is not an image, or is broken.
    """
    return find_depth(max((read(path, find_peak) for path in paths), default=0))


def read_image(
    path: Path, shape: tuple[int | None, int | None, int], depth: int
) -> bytes:
    """Returns the bytes to store of an image file.

    Raises:
      UserError: it is not an image, or is broken.
    """
    return read(
        path, lambda path: encode_storable(path.read_bytes(), shape, depth=depth)
    )


def read(path: Path, decode: Callable[[Path], Decoded]) -> Decoded:
    """Returns what a function makes of an image file.

    Raises:
      UserError: it is not an image, or is broken.
    """
    try:
        return decode(path)
    except UnidentifiedImageError:
        raise UserError(f"{path} is no image; take it out of the folder") from None
    except UNREADABLE as error:
        raise UserError(f"{path} is no image that can be read: {error}") from error
