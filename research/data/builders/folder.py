"""Any labelled images as DIR/SPLIT/CLASS/*.jpg, the layout of ImageNet and most others.

There is a split for each of the folders `train`, `validation` (or `val`) and `test`
that exists, and a class for each folder in `train`, in alphabetical order;
`class_folders` says what is an image. Files are stored as they are, at their own size,
and scaled to `data.shape` when arrays are made. A file that is not an 8-bit JPEG or
PNG, or that EXIF turns, becomes an upright PNG: what is transparent on white, and 16
bits of grey as many of them as the whole data set uses. Of several frames the first
counts.

With `data.masks=DIR2` every image has a label map, a PNG at the same place in DIR2 as
the image in DIR, and there need be no classes: DIR/train/*.jpg with DIR2/train/*.png is
a data set of one class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from research.data.builders import class_folders
from research.data.images import (
    UNREADABLE,
    describe_fault,
    encode_png,
    encode_storable,
    find_depth,
    find_peak,
)
from research.data.masks import MASK, read_mask
from research.data.origin import Spec, describe_overrides
from research.data.published import Published
from research.errors import UserError

Decoded = TypeVar("Decoded")

ONLY = "image"  # the class of images in no class folder


def from_files(spec: Spec) -> Published:
    """Returns a data set of class folders, which `spec.manual_dir` holds."""
    overrides = describe_overrides("folder", spec)
    return Published(spec, overrides, open_builder)


def open_builder(
    spec: Spec, *, path_feature: str = "file_name", keep_size: bool = True
) -> Any:
    """Returns the TFDS builder of class folders.

    Args:
      spec: names the data set, the folder DIR (`manual_dir`), and that of label maps if
        there are any. Of one channel, colours become grey.
      path_feature: TFDS feature that keeps the path below DIR.
      keep_size: whether to store images at their own size, not at that of `spec`.

    Raises:
      UserError: DIR is not laid out so, a file is not an image, or an image has no
        label map that fits.
    """
    import tensorflow_datasets as tfds  # takes a second to import

    from research.data.tfds_writer import image_builder

    root, maps = spec.manual_dir, spec.masks
    stored = (None, None, spec.shape[2]) if keep_size else spec.shape
    if root is None:
        raise UserError(
            f"data.name={spec.name} is made from your own files: give "
            f"data.manual_dir=DIR with {class_folders.LAYOUT}"
        )
    if maps is not None and spec.mask_classes is None:
        raise UserError(
            f"data.masks={maps} takes data.mask_classes, the number of classes of the "
            "label maps"
        )
    folders = class_folders.find_splits(root)
    if maps is not None and class_folders.is_flat(folders["train"]):
        names = [ONLY]
    else:
        names = list(class_folders.find_classes(folders["train"]))
    if len(names) != spec.classes:
        found = "no" if names == [ONLY] else len(names)
        raise UserError(
            f"data.classes={spec.classes}: {folders['train']} has {found} class "
            f"folders, and a label is the number of a folder; set data.classes="
            f"{len(names)}, or add the folders of the other classes"
        )
    files = {
        split: class_folders.find_pictures(folder, ONLY)
        if names == [ONLY]
        else class_folders.find_images(folder, dict.fromkeys(names))
        for split, folder in folders.items()
    }
    paths = [path for found in files.values() for _, path in found]
    depth = cache(lambda: measure_depth(paths))

    def examples(split: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for label, path in files[split]:
            key = str(path.relative_to(root))
            example: dict[str, Any] = {"label": label, path_feature: key}
            if maps is not None and spec.mask_classes is not None:
                map_path = (maps / key).with_suffix(".png")
                labels = read_mask(map_path, path, spec.mask_classes)
                example[MASK] = encode_png(labels[..., None])
            yield key, {"image": read_image(path, stored, depth()), **example}

    return image_builder(
        spec,
        shape=stored,
        labels=names,
        splits=lambda _: {split: examples(split) for split in files},
        description=f"Images in {spec.classes} class folders.",
        homepage="",
        **{path_feature: tfds.features.Text()},
        **({} if maps is None else {MASK: tfds.features.Image(shape=(None, None, 1))}),
    )


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
    except UNREADABLE as error:
        raise UserError(
            f"{path} {describe_fault(error)}; take it out of the folder or mend it"
        ) from error
