"""Reads the records of a split as TFDS stored them, without TensorFlow.

TFDS' own reader takes one example at a time (20–34 s for the 60,000 of MNIST). Here
whole files are read at once, or single records wherever they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow_datasets as tfds
from array_record.python.array_record_module import ArrayRecordReader
from tensorflow_datasets.proto import tf_example_pb2, tf_feature_pb2

from research.data.arrays import Example, Image
from research.data.images import UNREADABLE, describe_fault, fit, require_channels
from research.data.masks import MASK, fit_mask
from research.errors import UserError

FORMAT = "array_record"


def read_sizes(folder: Path) -> dict[str, int]:
    """Returns the number of stored examples of each split of a prepared data set."""
    info = json.loads((folder / "dataset_info.json").read_text())
    return {
        split["name"]: sum(map(int, split["shardLengths"])) for split in info["splits"]
    }


class Record(NamedTuple):
    """An example as it is stored.

    Attributes:
      image: encoded or plain.
      label: of the image.
      mask: PNG of its label map; None: it has none.
    """

    image: tf_feature_pb2.Feature
    label: np.int32
    mask: bytes | None


class Records:
    """A split as TFDS stored it: labelled images, with label maps where it has them.

    Args:
      folder: DIR/NAME/VERSION.
      split: one of `read_sizes(folder)`.
      shape: (height, width, channels); images of no fixed size are scaled to it.
      classes: number of classes.

    Raises:
      UserError: its features are not what `data.shape` and `data.classes` say, or only
        TensorFlow reads its files.
    """

    def __init__(
        self, folder: Path, split: str, *, shape: tuple[int, int, int], classes: int
    ):
        info = tfds.builder_from_directory(folder).info
        if info.file_format.value != FORMAT:
            raise UserError(
                f"{folder} was prepared as {info.file_format.value}, which only "
                f"TensorFlow reads; prepare it as {FORMAT} in another data.dir"
            )
        if info.supervised_keys is None or len(info.supervised_keys) != 2:
            raise UserError(
                f"data.name={info.name}: TFDS knows no (image, label) of it; choose a "
                "data set of one labelled image an example"
            )
        self.name, self.split = info.name, split
        self.shape, self.classes = shape, classes
        self.keys = info.supervised_keys
        self.feature = info.features[self.keys[0]]
        self.masked = MASK in info.features
        check_features(info, self.feature, info.features[self.keys[1]], shape, classes)
        self.paths = [Path(path) for path in info.splits[split].filepaths]
        self.lengths = list(info.splits[split].shard_lengths)

    @property
    def files(self) -> list[str]:
        """Its files as Grain's reader of records takes them: PATH[first:last]."""
        numbered = zip(self.paths, self.lengths, strict=True)
        return [f"{path}[0:{length}]" for path, length in numbered]

    @property
    def encoded(self) -> bool:
        """Whether images are stored as PNG or JPEG."""
        return isinstance(self.feature, tfds.features.Image)

    def examples(self, start: int = 0, *, central: float | int) -> Iterator[Example]:
        """Yields `image`, `label` and, if any, `mask` of each example, in stored order.

        A whole file is read at a time.

        Args:
          start: the first of them.
          central: how much of the height and width of an image that is scaled is kept,
            around its centre.

        Raises:
          UserError: a file is damaged.
        """
        for path, length, end in zip(
            self.paths, self.lengths, accumulate(self.lengths), strict=True
        ):
            if end <= start:
                continue
            for record in read_records(path, length)[max(start - end, -length) :]:
                stored = self.parse(record)
                try:
                    image = decode(stored.image, self.feature, self.shape, central)
                    example = {"image": image, "label": stored.label}
                    if stored.mask is not None:
                        size = self.shape[:2]
                        example[MASK] = fit_mask(stored.mask, size, central=central)
                except UNREADABLE as error:
                    raise damage_error(path, error) from error
                yield example

    def parse(self, record: bytes) -> Record:
        """Returns what a record holds.

        Raises:
          UserError: there is no label, or it is not one of the classes.
        """
        fields = tf_example_pb2.Example.FromString(record).features.feature
        image, label = (fields[key] for key in self.keys)
        if len(label.int64_list.value) != 1:
            raise UserError(
                f"data.name={self.name}: split {self.split!r} has an image whose "
                f"{self.keys[1]} is not one class; choose another split "
                "(data.test_split) or data set"
            )
        label = label.int64_list.value[0]
        if not 0 <= label < self.classes:
            raise UserError(
                f"data.name={self.name}: split {self.split!r} has a label {label}, "
                f"outside 0…{self.classes - 1}; choose another split (data.test_split)"
            )
        mask = fields[MASK].bytes_list.value[0] if self.masked else None
        return Record(image, np.int32(label), mask)

    def damage_error(self, number: int, reason: Exception) -> UserError:
        """Returns the error for an example that cannot be read."""
        place = np.searchsorted(np.cumsum(self.lengths), number, side="right")
        return damage_error(self.paths[place], reason)


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
    if len(image.shape) != 3:
        raise UserError(
            f"data.name={info.name}: TFDS stores arrays {image.shape}, not images "
            "(height, width, channels); choose another data set"
        )
    if isinstance(image, tfds.features.Image):
        require_channels(shape)
    if None not in image.shape and image.shape != shape:
        stored = "×".join(map(str, image.shape))
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
        raise damage_error(path, "the file is missing")
    try:
        records = ArrayRecordReader(str(path)).read_all()
    except RuntimeError as error:  # a checksum of its own does not fit
        raise damage_error(path, error) from error
    if len(records) != length:
        raise damage_error(path, f"{len(records)} records, not {length}")
    return records


def decode(
    field: tf_feature_pb2.Feature,
    feature: Any,
    shape: tuple[int, int, int],
    central: float | int,
) -> Image:
    """Returns a stored image, encoded (PNG, JPEG) or plain, as an array."""
    if isinstance(feature, tfds.features.Image):
        return fit(field.bytes_list.value[0], shape, central=central)
    value = (
        field.bytes_list.value[0]
        if field.HasField("bytes_list")
        else np.array(field.int64_list.value)
    )
    return feature.decode_example_np(value).astype(np.uint8)


def damage_error(path: Path, reason: Exception | str) -> UserError:
    """Returns the error for a file of records that cannot be read."""
    if isinstance(reason, UNREADABLE):
        fault = describe_fault(reason)
    else:
        fault = str(reason).split(";")[0]
    return UserError(
        f"{path} is damaged ({fault}); remove {path.parent} and prepare the data again"
    )
