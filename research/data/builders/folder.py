"""Any labelled images as DIR/SPLIT/CLASS/*.jpg, the layout of ImageNet and most others.

There is a split for each of the folders `train`, `validation` (or `val`) and `test`
that exists, and a class for each folder in `train`, in alphabetical order. Files are
stored as they are, at their own size, and scaled to `data.shape` when arrays are made.
A file that is not an 8-bit JPEG or PNG, or that EXIF turns, becomes an upright PNG.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from research.data.images import UNREADABLE, encode_storable
from research.data.origin import Spec
from research.data.published import Published
from research.errors import UserError

SPLITS = {"train": "train", "val": "validation", "validation": "validation"}
SPLITS["test"] = "test"
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

    def examples(split: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for path in files[split]:
            key = str(path.relative_to(root))
            label = path.relative_to(folders[split]).parts[0]
            image = read_image(path, stored)
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
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


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
        inside = sorted((folder / name).rglob("*"))
        images = [path for path in inside if path.suffix.lower() in SUFFIXES]
        if not images:
            kinds = ", ".join(sorted(SUFFIXES))
            raise UserError(f"{folder / name} holds no image ({kinds})")
        files += images
    return files


def read_image(path: Path, shape: tuple[int | None, int | None, int]) -> bytes:
    """Returns the bytes to store of an image file.

    Raises:
      UserError: it is not an image, or is broken.
    """
    try:
        return encode_storable(path.read_bytes(), shape)
    except UNREADABLE as error:
        raise UserError(f"{path} is no image that can be read: {error}") from error
