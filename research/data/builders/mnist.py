"""MNIST from its four IDX files: local ones, or downloaded.

LeCun, Cortes & Burges, http://yann.lecun.com/exdb/mnist/: 60,000 + 10,000 handwritten
digits, 28×28. Keys are TFDS' own, so the stored order is that of everyone's `mnist`.
"""

from __future__ import annotations

import gzip
import hashlib
import struct
import zlib
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from research.data.download import download
from research.data.images import encode_png
from research.data.origin import Spec, describe_overrides
from research.data.published import Published
from research.errors import UserError

PREFIXES = {"train": "train", "test": "t10k"}
Example = tuple[int, dict[str, Any]]  # TFDS' key, and the features

KINDS = {"images": 3, "labels": 1}  # and the number of their axes
UNSIGNED_BYTES = 8  # the code of this element type in an IDX header
# Data set → its files, decompressed → SHA-256. Other data sets come in files of the
# same names (Fashion-MNIST, KMNIST), and would be taken for this one.
PUBLISHED = {
    "mnist": {
        "train-images-idx3-ubyte": (
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
        ),
        "train-labels-idx1-ubyte": (
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
        ),
        "t10k-images-idx3-ubyte": (
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
        ),
        "t10k-labels-idx1-ubyte": (
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
        ),
    }
}
# What conf/data/mnist.yaml says.
USUAL = {"name": "mnist", "version": "3.0.1", "shape": "[28,28,1]", "classes": 10}


def from_files(spec: Spec, *, url: str | None) -> Published:
    """Returns MNIST, or any data set in MNIST's four files.

    Args:
      spec: names the data set; its `manual_dir` holds `train-images-idx3-ubyte` and so
        on, as they are or as `.gz`.
      url: where the four files are downloaded from if there is no `manual_dir`; None:
        nowhere.
    """
    return Published(
        spec, describe_overrides("mnist", spec, **USUAL), partial(open_builder, url=url)
    )


def open_builder(spec: Spec, *, url: str | None) -> Any:
    """Returns the TFDS builder of the four files.

    Its splits raise a UserError where a file is missing, truncated, or is not what its
    name says.
    """
    from research.data.tfds_writer import image_builder  # TFDS takes a second to import

    def splits(downloads: Path) -> Mapping[str, Iterator[Example]]:
        names = {
            (split, kind): f"{prefix}-{kind}-idx{axes}-ubyte"
            for split, prefix in PREFIXES.items()
            for kind, axes in KINDS.items()
        }
        paths = {
            key: fetch(file, spec.manual_dir, url, downloads)
            for key, file in names.items()
        }
        return {
            split: read(paths[split, "images"], paths[split, "labels"], spec)
            for split in PREFIXES
        }

    return image_builder(
        spec,
        shape=spec.shape,
        labels=spec.classes,
        splits=splits,
        description="Handwritten digits in MNIST's IDX files.",
        homepage="http://yann.lecun.com/exdb/mnist/",
    )


def fetch(file: str, folder: Path | None, url: str | None, downloads: Path) -> Path:
    """Returns the path of an IDX file, from a local folder or else from the network.

    Raises:
      UserError: it is not there, or there is neither a folder nor an address.
    """
    if folder is not None:
        return find(folder, file)
    if url is None:
        raise UserError(
            "data.builder.url=null: takes the address of the four files, or give "
            "data.manual_dir=DIR with them"
        )
    return download(f"{url}{file}.gz", downloads)


def find(folder: Path, file: str) -> Path:
    """Returns the path of an IDX file, plain or compressed.

    Raises:
      UserError: neither is there.
    """
    for path in (folder / file, folder / f"{file}.gz"):
        if path.is_file():
            return path
    raise UserError(f"data.manual_dir={folder} has no {file} or {file}.gz")


def read(images: Path, labels: Path, spec: Spec) -> Iterator[Example]:
    """Checks a pair of files and returns their examples.

    Raises:
      UserError: a file is damaged or of another data set, or sizes, labels or their
        numbers do not fit.
    """
    pixels, targets = read_idx(images, axes=3), read_idx(labels, axes=1)
    if (*pixels.shape[1:], 1) != spec.shape:
        rows, columns = pixels.shape[1:]
        raise UserError(
            f"{images}: its images are {rows}×{columns}; set "
            f"data.shape=[{rows},{columns},1]"
        )
    if len(pixels) != len(targets):
        raise UserError(
            f"{labels} has {len(targets)} labels for the {len(pixels)} images of "
            f"{images}"
        )
    if targets.size and targets.max() >= spec.classes:
        raise UserError(
            f"{labels} has a label {targets.max()}, above the {spec.classes - 1} that "
            f"data.classes={spec.classes} allows"
        )
    for path in (images, labels):
        require_published(path, spec)
    return encode_examples(pixels, targets)


def require_published(path: Path, spec: Spec) -> None:
    """Refuses a file of another data set under the name of a known one, or vice versa.

    Raises:
      UserError: the file is not the one that was published under that name, or is one
        that was published under another.
    """
    found = hashlib.sha256(decompress(path)).hexdigest()
    wanted = PUBLISHED.get(spec.name, {}).get(path.name.removesuffix(".gz"))
    if wanted not in (None, found):
        raise UserError(
            f"{path} is not the file that was published as {spec.name}'s: give another "
            "data set a name of its own, data.name=NAME, or take the published one"
        )
    for name, files in PUBLISHED.items():
        if name != spec.name and found in files.values():
            raise UserError(
                f"{path} is the file that was published as {name}'s, not data.name="
                f"{spec.name}'s: take data.name={name}, or give data.manual_dir=DIR "
                "with the files of the other"
            )


def decompress(path: Path) -> bytes:
    """Returns the content of a file, decompressed if its name ends in `.gz`."""
    content = path.read_bytes()
    return gzip.decompress(content) if path.suffix == ".gz" else content


def encode_examples(
    pixels: UInt8[np.ndarray, "examples height width"],
    targets: UInt8[np.ndarray, " examples"],
) -> Iterator[Example]:
    """Yields what a TFDS builder writes, under TFDS' keys."""
    for i, (image, label) in enumerate(zip(pixels, targets, strict=True)):
        yield i, {"image": encode_png(image[:, :, None]), "label": int(label)}


def read_idx(path: Path, *, axes: int) -> UInt8[np.ndarray, "*axes"]:
    """Reads an IDX file of unsigned bytes.

    A header of big-endian integers, 0x0000 08 AXES and the length of each axis, comes
    before the elements (http://yann.lecun.com/exdb/mnist/).

    Args:
      path: the file, compressed if it ends in `.gz`.
      axes: how many it should have.

    Raises:
      UserError: the file is truncated or something else.
    """
    try:
        content = decompress(path)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(f"{path} is truncated or no gzip file: {error}") from error
    start = 4 * (1 + axes)
    if len(content) < start or struct.unpack(">I", content[:4])[0] != (
        UNSIGNED_BYTES << 8 | axes
    ):
        raise UserError(
            f"{path} is no IDX file of bytes with {axes} axes: it begins with "
            f"0x{content[:4].hex()}, not 0x0000{UNSIGNED_BYTES:02x}{axes:02x}"
        )
    lengths = struct.unpack(f">{axes}I", content[4:start])
    elements = np.frombuffer(content, np.uint8, offset=start)
    if elements.size != np.prod(lengths, dtype=np.int64):
        raise UserError(
            f"{path} is truncated or too long: {elements.size} bytes of data, "
            f"{'×'.join(map(str, lengths))} were announced"
        )
    return elements.reshape(lengths)
