"""A split as arrays on disk: memory-mapped, checksummed, written whole or not at all.

Of a folder::

    image.npy    uint8 (examples, height, width, channels)
    NAME.npy     each further array: label, mask, box, …, one row per example
    arrays.json  the arrays with their SHA-256, and statistics of the images; of label
                 maps how many classes there are at least
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from research.data.masks import MASK, count_labels
from research.errors import UserError
from research.files.atomic import make_folder, read_json, write_json
from research.files.digest import hash_file

INDEX = "arrays.json"

Image = UInt8[np.ndarray, "height width channels"]
# One row of each array, a NumPy array or scalar of at most 32 bits.
Example = Mapping[str, Any]


def write(
    folder: Path, examples: Iterable[Example], *, count: int, classes: int | None
) -> None:
    """Writes a split, one example at a time: memory holds no more than a few.

    Several processes may write the same split at once: the first to finish wins, and
    the work of the others is dropped.

    Args:
      folder: where; it appears when everything is written.
      examples: `count` of them, alike in names, dtypes and shapes; each has an `image`,
        uint8 (height, width, channels).
      count: number of examples.
      classes: number of classes, kept beside the arrays; None: no labels.

    Raises:
      UserError: there are not `count` examples.
    """
    with publish(folder) as temporary:
        columns: dict[str, np.memmap] = {}
        number, moments, labels = 0, Moments(), 0
        for example in examples:
            if not columns:
                columns = create(temporary, example, count)
            if number < count:
                for name, column in columns.items():
                    column[number] = example[name]
            moments.add(example["image"])
            if MASK in example:
                labels = max(labels, count_labels(example[MASK]))
            number += 1
        if number != count or not number:
            raise UserError(f"{folder}: {number} examples came, {count} were announced")
        for column in columns.values():
            column.flush()
        index = {
            "examples": count,
            "classes": classes,
            **({"mask_classes": labels} if MASK in columns else {}),
            **moments.describe(),
            "arrays": {
                name: {
                    "dtype": str(column.dtype),
                    "shape": column.shape[1:],
                    "sha256": hash_file(temporary / f"{name}.npy"),
                }
                for name, column in columns.items()
            },
        }
        write_json(temporary / INDEX, index, by_each=True)


def create(folder: Path, example: Example, count: int) -> dict[str, np.memmap]:
    """Creates the files of `count` examples that are like one of them."""
    return {
        name: np.lib.format.open_memmap(
            folder / f"{name}.npy", "w+", value.dtype, (count, *value.shape)
        )
        for name, value in example.items()
    }


class Moments:
    """Running mean and standard deviation of each channel, of pixels in [0, 1]."""

    def __init__(self) -> None:
        self.pixels, self.total, self.square = 0, 0.0, 0.0

    def add(self, image: Image) -> None:
        """Takes one more image into account."""
        values = image.reshape(-1, image.shape[2]) / 255
        self.pixels += len(values)
        self.total += values.sum(0)
        self.square += (values**2).sum(0)

    def describe(self) -> dict[str, np.ndarray]:
        """Returns `mean` and `std` of each channel, to four decimals."""
        mean = self.total / self.pixels
        variance = np.clip(self.square / self.pixels - mean**2, 0, None)
        return {"mean": np.round(mean, 4), "std": np.sqrt(variance).round(4)}


def read_index(folder: Path, *, remedy: str) -> dict[str, Any]:
    """Returns what is recorded of a split, without reading its arrays.

    Args:
      folder: of the split.
      remedy: what to do if it is damaged, for the error.

    Raises:
      UserError: the index is missing or damaged.
    """
    path = folder / INDEX
    try:
        return read_json(path, remedy=remedy)
    except FileNotFoundError:
        raise UserError(f"{path} is missing; {remedy}") from None


def read(folder: Path, *, remedy: str, verify: bool = True) -> dict[str, np.ndarray]:
    """Maps the arrays of a split into memory, read-only.

    Args:
      folder: of the split.
      remedy: what to do if it is damaged, for the error.
      verify: whether to check the SHA-256 of every byte: 0.1 s for MNIST, minutes for
        ImageNet.

    Returns:
      The arrays by name, each with one row per example.

    Raises:
      UserError: a file is missing, truncated or changed.
    """
    found = {}
    for name, recorded in read_index(folder, remedy=remedy)["arrays"].items():
        path = folder / f"{name}.npy"
        if not path.is_file():
            raise UserError(f"{path} is missing; {remedy}")
        if verify and hash_file(path) != recorded["sha256"]:
            raise UserError(
                f"{path} is damaged: its SHA-256 is not the recorded one; {remedy}"
            )
        try:
            found[name] = np.asarray(np.load(path, mmap_mode="r"))
        except ValueError as error:
            raise UserError(f"{path} is truncated; {remedy}") from error
    return found


@contextmanager
def publish(target: Path) -> Iterator[Path]:
    """Makes a folder that appears at `target` whole or not at all.

    It is made next to `target` and moved there at the end, unless another process was
    faster: then it is dropped.

    Args:
      target: where the folder is to be.

    Yields:
      The folder to fill; its parent is temporary and may hold what is not kept.

    Raises:
      UserError: there is no room for it, or nothing can be written there.
    """
    with (
        make_folder(target.parent, "data.dir=…"),
        tempfile.TemporaryDirectory(
            dir=target.parent, prefix=f".{target.name}.", ignore_cleanup_errors=True
        ) as surrounding,
    ):
        made = Path(surrounding) / "whole"
        made.mkdir()
        yield made
        try:
            os.rename(made, target)
        except OSError as error:
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                raise
