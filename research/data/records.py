"""TFDS without TensorFlow: makes prepared data sets and reads their records.

TensorFlow Datasets keeps a data set as DIR/NAME/VERSION/*.array_record-*, with its
features beside it (https://www.tensorflow.org/datasets). Its reader takes one example
at a time (20–34 s for the 60,000 of MNIST); here whole files are read at once.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import requests
import tensorflow_datasets as tfds
from array_record.python.array_record_module import ArrayRecordReader
from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError
from tensorflow_datasets.core.download.extractor import ExtractError
from tensorflow_datasets.core.download.util import DownloadError
from tensorflow_datasets.proto import tf_example_pb2, tf_feature_pb2

from research.data.arrays import Image, published
from research.data.images import UNREADABLE, fit
from research.errors import UserError

Examples = Iterable[tuple[int | str, dict[str, Any]]]  # (key, {"image": …, "label": …})
Splits = Callable[[Path], Mapping[str, Examples]]
FORMAT = "array_record"
FAILURES = (  # of TFDS' own builders
    requests.RequestException,
    DownloadError,
    ExtractError,
    NonMatchingChecksumError,
    ImportError,
    AssertionError,
)


def image_builder(
    *,
    name: str,
    version: str,
    shape: tuple[int | None, int | None, int],
    labels: int | list[str],
    splits: Splits,
    data_dir: Path,
    description: str,
    homepage: str,
    **features: Any,
) -> tfds.core.GeneratorBasedBuilder:
    """Returns a TFDS builder of labelled images.

    It stays out of TFDS' list of names, where `mnist` is taken; what it writes is read
    by `tfds.data_source(name, data_dir=…)` all the same.

    Args:
      name: of the data set.
      version: three numbers with dots.
      shape: (height, width, channels); None where images differ.
      labels: number of classes, or their names.
      splits: from a folder for downloads to the examples of each split, each with a key
        (stored order is a fixed hash of it), `image` as PNG or JPEG, and `label`.
      data_dir: where to write.
      description: what it is.
      homepage: where it comes from.
      **features: further features of an example.
    """
    kind = {"names" if isinstance(labels, list) else "num_classes": labels}
    label = tfds.features.ClassLabel(**kind)
    image = tfds.features.Image(shape=shape)

    class Images(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version(version)

        def _info(self) -> tfds.core.DatasetInfo:
            return tfds.core.DatasetInfo(
                builder=self,
                description=description,
                features=tfds.features.FeaturesDict(
                    {"image": image, "label": label, **features}
                ),
                supervised_keys=("image", "label"),
                homepage=homepage,
            )

        def _split_generators(
            self, dl_manager: tfds.download.DownloadManager
        ) -> Mapping[str, Examples]:
            return splits(Path(dl_manager.download_dir))

        def _generate_examples(self) -> Examples:
            raise NotImplementedError("the splits are generators already")

    Images.name = name
    return Images(data_dir=str(data_dir), file_format=FORMAT)


def write(
    builder: Callable[..., tfds.core.DatasetBuilder],
    folder: Path,
    *,
    name: str,
    manual_dir: Path | None,
    quiet: bool,
) -> None:
    """Prepares a data set whole or not at all; the first of several writers wins.

    Args:
      builder: `builder(data_dir=…)`.
      folder: DIR/NAME/VERSION, where its files are to be.
      name: of the data set, for the error.
      manual_dir: local files, for TFDS' own builders.
      quiet: whether to show no progress even on a terminal.

    Raises:
      UserError: a download failed, or a builder of TFDS lacks TensorFlow or files.
    """
    if quiet or not sys.stderr.isatty():
        tfds.disable_progress_bar()
    settings = tfds.download.DownloadConfig(
        try_download_gcs=False, manual_dir=manual_dir
    )
    with published(folder) as made, contextlib.redirect_stdout(io.StringIO()):
        prepared = builder(data_dir=made.parent / "tfds")
        try:
            prepared.download_and_prepare(
                download_dir=made.parent / "downloads", download_config=settings
            )
        except FAILURES as error:
            raise UserError(
                f"data.name={name}: TFDS cannot prepare it here: {error}; where there "
                f"are TensorFlow and a network, `tfds build {name} --data_dir=DIR "
                f"--file_format={FORMAT}` makes what data.dir=DIR reads here"
            ) from error
        for file in Path(prepared.data_dir).iterdir():
            file.rename(made / file.name)


def sizes(folder: Path) -> dict[str, int]:
    """Returns the number of stored examples of each split of a prepared data set."""
    info = json.loads((folder / "dataset_info.json").read_text())
    return {
        split["name"]: sum(map(int, split["shardLengths"])) for split in info["splits"]
    }


def examples(
    folder: Path, split: str, *, shape: tuple[int, int, int], classes: int
) -> Iterator[tuple[Image, int]]:
    """Reads a split of a prepared data set in stored order, a file at a time.

    Args:
      folder: DIR/NAME/VERSION.
      split: one of `sizes(folder)`.
      shape: (height, width, channels); images of no fixed size are scaled to it.
      classes: number of classes.

    Raises:
      UserError: its features are not what `data.shape` and `data.classes` say, or a
        file is damaged.
    """
    info = tfds.builder_from_directory(folder).info
    if info.file_format.value != FORMAT:
        raise UserError(
            f"{folder} was prepared as {info.file_format.value}, which only TensorFlow "
            f"reads; prepare it as {FORMAT} in another data.dir"
        )
    if info.supervised_keys is None or len(info.supervised_keys) != 2:
        raise UserError(f"data.name={info.name}: TFDS knows no (image, label) of it")
    image_key, label_key = info.supervised_keys
    feature = info.features[image_key]
    check_features(info, feature, info.features[label_key], shape, classes)
    stored = info.splits[split]
    for path, length in zip(stored.filepaths, stored.shard_lengths, strict=True):
        for record in read_records(Path(path), length):
            fields = tf_example_pb2.Example.FromString(record).features.feature
            try:
                image = decode(fields[image_key], feature, shape)
            except UNREADABLE as error:
                raise damaged(Path(path), error) from error
            label = fields[label_key].int64_list.value[0]
            if not 0 <= label < classes:
                raise UserError(
                    f"data.name={info.name}: split {split!r} has a label {label}, "
                    f"outside 0…{classes - 1}; choose another split (data.test_split)"
                )
            yield image, label


def check_features(
    info: tfds.core.DatasetInfo,
    image: Any,
    label: Any,
    shape: tuple[int, int, int],
    classes: int,
) -> None:
    """Compares stored features with what the config says.

    Raises:
      UserError: an image size or the number of classes differs.
    """
    if len(image.shape) != 3 or (None not in image.shape and image.shape != shape):
        stored = "×".join(str(size or "any") for size in image.shape)
        asked = "×".join(map(str, shape))
        raise UserError(
            f"data.shape={asked}: the images of {info.name} are {stored}; set "
            f"data.shape=[{stored.replace('×', ',')}]"
        )
    known = getattr(label, "num_classes", classes)  # plain integers do not say
    if known != classes:
        raise UserError(
            f"data.classes={classes}: {info.name} has {known} classes; set "
            f"data.classes={known}"
        )


def read_records(path: Path, length: int) -> list[bytes]:
    """Returns all records of a file, `length` of them.

    Raises:
      UserError: it is missing, truncated or changed.
    """
    if not path.is_file():
        raise damaged(path, "the file is missing")
    try:
        records = ArrayRecordReader(str(path)).read_all()
    except RuntimeError as error:  # a checksum of its own does not fit
        raise damaged(path, error) from error
    if len(records) != length:
        raise damaged(path, f"{len(records)} records, not {length}")
    return records


def decode(
    field: tf_feature_pb2.Feature, feature: Any, shape: tuple[int, int, int]
) -> Image:
    """Returns a stored image, encoded (PNG, JPEG) or plain, as an array."""
    if isinstance(feature, tfds.features.Image):
        return fit(field.bytes_list.value[0], shape)
    value = (
        field.bytes_list.value[0]
        if field.HasField("bytes_list")
        else np.array(field.int64_list.value)
    )
    return feature.decode_example_np(value).astype(np.uint8)


def damaged(path: Path, reason: Exception | str) -> UserError:
    """Returns what to tell of a record file that cannot be read."""
    first = str(reason).split(";")[0]
    return UserError(
        f"{path} is damaged ({first}); remove {path.parent} and prepare the data again"
    )
