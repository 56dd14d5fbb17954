"""Any data set of TFDS by its name, through TFDS' own builder."""

from __future__ import annotations

from typing import Any

from research.data.origin import Spec, describe_overrides
from research.data.published import Published
from research.errors import UserError


def from_tfds(spec: Spec) -> Published:
    """Returns a data set of TFDS.

    Args:
      spec: names it, with its TFDS config if it has one: `mnist_corrupted/fog`; no
        version means the newest. Its shape and classes are compared with what is
        stored when that is read. `manual_dir` holds what the data set's page in the
        catalogue asks for, if it asks for files.
    """
    overrides = describe_overrides("tfds", spec, version=None)
    return Published(spec, overrides, open_builder)


def open_builder(spec: Spec) -> Any:
    """Returns TFDS' own builder of a data set.

    Many of them need TensorFlow to write; what they wrote is read without it.

    Raises:
      UserError: TFDS knows no such data set, or none of that version or config.
    """
    import tensorflow_datasets as tfds  # takes a second to import
    from tensorflow_datasets.core.download import downloader

    from research.data.tfds_reader import FORMAT

    downloader.MAX_RETRIES = 2  # TFDS' own ten take minutes where there is no network
    pinned = {} if spec.version is None else {"version": spec.version}
    try:
        return tfds.builder(
            spec.name, data_dir=str(spec.dir), file_format=FORMAT, **pinned
        )
    except tfds.core.DatasetNotFoundError as error:
        raise UserError(
            f"data.name={spec.name}: TFDS has no such data set (see "
            "https://www.tensorflow.org/datasets/catalog)"
        ) from error
    except (AssertionError, ValueError) as error:  # a version, or a config of the name
        reason = str(error).rpartition('}": ')[2].partition(". Here")[0].strip()
        version = "" if spec.version is None else f" data.version={spec.version}"
        raise UserError(
            f"data.name={spec.name}{version}: {reason}; its page at "
            "https://www.tensorflow.org/datasets/catalog lists what there is"
        ) from error
