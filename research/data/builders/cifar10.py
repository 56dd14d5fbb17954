"""CIFAR-10 (Krizhevsky 2009) from its binary archive, or from class folders of images.

60,000 colour images, 32×32, in 10 classes: https://www.cs.toronto.edu/~kriz/cifar.html.
From the archive, the keys, and so the stored order, are those of TFDS' `cifar10`.
"""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from research.data.builders import folder
from research.data.download import download
from research.data.images import encode_png
from research.data.origin import Spec, describe_overrides
from research.data.published import Published
from research.errors import UserError
from research.files.digest import hash_file

ARCHIVE = "cifar-10-binary.tar.gz"
PUBLISHED = {  # data set → SHA-256 of its archive
    "cifar10": "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
}
MEMBERS = {
    "train": [f"data_batch_{i}.bin" for i in range(1, 6)],
    "test": ["test_batch.bin"],
}
NAMES = "airplane automobile bird cat deer dog frog horse ship truck".split()
RECORD = 1 + 3 * 32 * 32  # a label, then the red, green and blue planes
# What conf/data/cifar10.yaml says.
USUAL = {"name": "cifar10", "version": "3.0.2", "shape": "[32,32,3]", "classes": 10}


def from_files(spec: Spec, *, url: str) -> Published:
    """Returns CIFAR-10.

    Args:
      spec: names the data set; its `manual_dir` holds `cifar-10-binary.tar.gz`, or
        `train` and `test` with a folder of images for each class.
      url: of the archive, if there is no `manual_dir`.
    """
    return Published(
        spec,
        describe_overrides("cifar10", spec, **USUAL),
        partial(open_builder, url=url),
    )


def open_builder(spec: Spec, *, url: str) -> Any:
    """Returns the TFDS builder of the archive or of the class folders.

    It raises a UserError where there is neither, or what is there is damaged.
    """
    manual = spec.manual_dir
    if manual is not None and not (manual / ARCHIVE).is_file():
        return folder.open_builder(spec, path_feature="id", keep_size=False)

    import tensorflow_datasets as tfds  # takes a second to import

    from research.data.tfds_writer import image_builder

    def splits(downloads: Path) -> dict[str, Any]:
        path = manual / ARCHIVE if manual else download(url, downloads)
        parts = {split: read(path, split) for split in MEMBERS}
        require_published(path, spec)
        return {split: encode_examples(split, part) for split, part in parts.items()}

    return image_builder(
        spec,
        shape=(32, 32, 3),
        labels=NAMES,
        splits=splits,
        description="60,000 colour images in 10 classes.",
        homepage="https://www.cs.toronto.edu/~kriz/cifar.html",
        id=tfds.features.Text(),
    )


def require_published(path: Path, spec: Spec) -> None:
    """Refuses another archive under the name of a known data set, or vice versa.

    Raises:
      UserError: the archive is not the one that was published under that name, or is
        one that was published under another.
    """
    found = hash_file(path)
    if PUBLISHED.get(spec.name) not in (None, found):
        raise UserError(
            f"{path} is not the archive that was published as {spec.name}'s: give "
            "another data set a name of its own, data.name=NAME"
        )
    for name, archive in PUBLISHED.items():
        if name != spec.name and found == archive:
            raise UserError(
                f"{path} is the archive that was published as {name}'s, not data.name="
                f"{spec.name}'s: take data.name={name}, or give data.manual_dir=DIR "
                "with that of the other"
            )


def read(path: Path, split: str) -> np.ndarray:
    """Returns the records of a split, uint8 (examples, 3073).

    Raises:
      UserError: the archive is damaged or lacks a file.
    """
    batches = []
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                if Path(member.name).name in MEMBERS[split]:
                    file = archive.extractfile(member)
                    batches.append((member.name, b"" if file is None else file.read()))
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise UserError(f"{path} is damaged or no archive: {error}") from error
    content = b"".join(batch for _, batch in sorted(batches))
    if len(batches) != len(MEMBERS[split]) or len(content) % RECORD:
        raise UserError(
            f"{path} has {len(batches)} of {len(MEMBERS[split])} files of {split} with "
            f"{len(content)} bytes, not in records of {RECORD}; it is not {ARCHIVE}"
        )
    return np.frombuffer(content, np.uint8).reshape(-1, RECORD)


def encode_examples(
    split: str, data: np.ndarray
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields what a TFDS builder writes, under TFDS' keys."""
    for i, record in enumerate(data):
        image = record[1:].reshape(3, 32, 32).transpose(1, 2, 0)
        yield (
            i,
            {
                "id": f"{split}_{i:05d}",
                "image": encode_png(np.ascontiguousarray(image)),
                "label": int(record[0]),
            },
        )
