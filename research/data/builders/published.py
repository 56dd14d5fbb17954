"""Any data set of TFDS by its name, through TFDS' own builder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from research.errors import UserError


def from_tfds(
    *,
    name: str,
    version: str | None,
    shape: tuple[int, int, int],
    classes: int,
    data_dir: Path,
    manual_dir: Path | None,
) -> Any:
    """Returns TFDS' own builder of a data set.

    Many of them need TensorFlow to write; what they wrote is read without it.

    Args:
      name: in TFDS, with its config if it has one: `mnist_corrupted/fog`.
      version: of it; None for TFDS' newest.
      shape: unused; compared with the stored images when they are read.
      classes: unused; compared with the stored labels when they are read.
      data_dir: where to write.
      manual_dir: what the data set's page in the catalogue asks for, if it does.

    Raises:
      UserError: TFDS knows no such data set.
    """
    import tensorflow_datasets as tfds  # takes a second to import
    from tensorflow_datasets.core.download import downloader

    from research.data.records import FORMAT

    downloader.MAX_RETRIES = 2  # TFDS' own ten take minutes where there is no network
    pinned = {} if version is None else {"version": version}
    try:
        return tfds.builder(name, data_dir=str(data_dir), file_format=FORMAT, **pinned)
    except tfds.core.DatasetNotFoundError as error:
        raise UserError(
            f"data.name={name}: TFDS has no such data set (see "
            "https://www.tensorflow.org/datasets/catalog)"
        ) from error
