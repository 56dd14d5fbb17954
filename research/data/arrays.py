"""A split as arrays on disk: memory-mapped, checksummed, written whole or not at all.

FOLDER/images.npy   uint8 (examples, height, width, channels)
FOLDER/labels.npy   int32 (examples,)
FOLDER/arrays.json  their SHA-256, and what is known of them
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int32, UInt8

from research.errors import UserError
from research.files.atomic import write_json

INDEX = "arrays.json"
FILES = ("images.npy", "labels.npy")

Image = UInt8[np.ndarray, "height width channels"]
Stored = tuple[
    UInt8[np.ndarray, "examples height width channels"], Int32[np.ndarray, " examples"]
]


def write(
    folder: Path,
    examples: Iterable[tuple[Image, int]],
    *,
    count: int,
    shape: tuple[int, int, int],
    classes: int,
) -> None:
    """Writes a split, one example at a time: memory holds no more than a few.

    Several processes may write the same split at once: the first to finish wins, the
    others' work is dropped.

    Args:
      folder: where; it appears when all is written.
      examples: `count` images of one `shape`, and labels below `classes`.
      count: number of examples.
      shape: (height, width, channels).
      classes: number of classes, kept beside the arrays.

    Raises:
      UserError: there are not `count` examples.
    """
    with published(folder) as temporary:
        images = np.lib.format.open_memmap(
            temporary / FILES[0], "w+", np.uint8, (count, *shape)
        )
        labels = np.empty(count, np.int32)
        number, total, square = 0, np.zeros(shape[2]), np.zeros(shape[2])
        for image, label in examples:
            if number < count:
                images[number], labels[number] = image, label
            pixels = image.reshape(-1, shape[2]) / 255
            total += pixels.sum(0)
            square += (pixels**2).sum(0)
            number += 1
        if number != count:
            raise UserError(f"{folder}: {number} examples came, {count} were announced")
        images.flush()
        np.save(temporary / FILES[1], labels)
        mean = total / (max(count, 1) * shape[0] * shape[1])
        variance = square / (max(count, 1) * shape[0] * shape[1]) - mean**2
        index = {
            "examples": count,
            "shape": shape,
            "classes": classes,
            "mean": mean.round(4),
            "std": np.sqrt(variance.clip(0)).round(4),
            "sha256": {name: sha256(temporary / name) for name in FILES},
        }
        write_json(temporary / INDEX, index)


def read_index(folder: Path, *, remedy: str) -> dict[str, Any]:
    """Returns what is known of a split without reading it.

    Args:
      folder: of the split.
      remedy: what to do if it is damaged, for the error.

    Raises:
      UserError: the index is missing or damaged.
    """
    path = folder / INDEX
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, ValueError) as error:
        raise UserError(f"{path} is damaged or missing; {remedy}") from error


def read(folder: Path, *, remedy: str, verify: bool = True) -> Stored:
    """Maps a split into memory, read-only.

    Args:
      folder: of the split.
      remedy: what to do if it is damaged, for the error.
      verify: whether to check the SHA-256 of every byte: 0.1 s for MNIST, minutes for
        ImageNet.

    Raises:
      UserError: a file is missing, truncated or changed.
    """
    index = read_index(folder, remedy=remedy)
    for name in FILES:
        path = folder / name
        if not path.is_file():
            raise UserError(f"{path} is missing; {remedy}")
        if verify and sha256(path) != index["sha256"][name]:
            raise UserError(
                f"{path} is damaged: its SHA-256 is not the recorded one; {remedy}"
            )
    try:
        images, labels = (np.load(folder / name, mmap_mode="r") for name in FILES)
    except ValueError as error:
        raise UserError(f"{folder / FILES[0]} is truncated; {remedy}") from error
    return np.asarray(images), np.asarray(labels)


def sha256(path: Path) -> str:
    """Returns the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def published(target: Path) -> Iterator[Path]:
    """Makes a folder that appears at `target` whole or not at all.

    It is made next to `target` and moved there at the end, unless another process was
    faster: then it is dropped.

    Args:
      target: where the folder is to be.

    Yields:
      The folder to fill; its parent is temporary and may hold what is not kept.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        dir=target.parent, prefix=f".{target.name}.", ignore_cleanup_errors=True
    ) as surrounding:
        made = Path(surrounding) / "whole"
        made.mkdir()
        yield made
        try:
            os.rename(made, target)
        except OSError as error:
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                raise
