"""Writes data sets as TFDS does, without TensorFlow.

TensorFlow Datasets keeps a data set as DIR/NAME/VERSION/*.array_record-*, with its
features beside it (https://www.tensorflow.org/datasets). `tfds_reader` reads them.
"""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import tensorflow_datasets as tfds
from tensorflow_datasets.core import registered
from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError
from tensorflow_datasets.core.download.extractor import ExtractError
from tensorflow_datasets.core.download.util import DownloadError

from research.data.arrays import publish
from research.data.images import require_channels
from research.data.origin import Spec
from research.data.tfds_reader import FORMAT
from research.errors import UserError

Examples = Iterable[tuple[int | str, dict[str, Any]]]  # (key, {"image": …, "label": …})
Splits = Callable[[Path], Mapping[str, Examples]]
FAILURES = (  # of TFDS' own builders
    requests.RequestException,
    DownloadError,
    ExtractError,
    NonMatchingChecksumError,
    ImportError,
    AssertionError,
)


def image_builder(
    spec: Spec,
    *,
    shape: tuple[int | None, int | None, int],
    labels: int | list[str],
    splits: Splits,
    description: str,
    homepage: str,
    **features: Any,
) -> tfds.core.GeneratorBasedBuilder:
    """Returns a TFDS builder of labelled images.

    It stays out of TFDS' list of names, where `mnist` is taken; what it writes is read
    by `tfds.data_source(name, data_dir=…)` all the same.

    Args:
      spec: names the data set, its version and the folder to write to.
      shape: (height, width, channels) as stored; None where images differ.
      labels: number of classes, or their names.
      splits: from a folder for downloads to the examples of each split, each with a key
        (stored order is a fixed hash of it), `image` as PNG or JPEG, and `label`.
      description: what it is.
      homepage: where it comes from.
      **features: further features of an example.

    Raises:
      UserError: there is no version, the name is more than one folder's, or images have
        neither 1 nor 3 channels.
    """
    version = spec.require_version()
    if "/" in spec.name:
        raise UserError(
            f"data.name={spec.name}: takes the name of one folder, without /"
        )
    require_channels(spec.shape)
    kind = {"names" if isinstance(labels, list) else "num_classes": labels}
    label = tfds.features.ClassLabel(**kind)
    image = tfds.features.Image(shape=shape)

    with registered.skip_registration():

        class Images(tfds.core.GeneratorBasedBuilder):
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

    Images.name = spec.name
    return Images(data_dir=str(spec.dir), file_format=FORMAT)


def write(
    builder: Callable[[Spec], tfds.core.DatasetBuilder],
    spec: Spec,
    folder: Path,
    *,
    quiet: bool,
) -> None:
    """Prepares a data set whole or not at all; the first of several writers wins.

    Args:
      builder: `builder(spec)` returns the TFDS builder that writes below `spec.dir`.
      spec: the data set, with its version.
      folder: DIR/NAME/VERSION, where its files are to be.
      quiet: whether to show no progress even on a terminal.

    Raises:
      UserError: a download failed, or a builder of TFDS lacks TensorFlow or files.
    """
    if quiet or not sys.stderr.isatty():
        tfds.disable_progress_bar()
    settings = tfds.download.DownloadConfig(
        try_download_gcs=False, manual_dir=spec.manual_dir
    )
    # The one error says it all; urllib3 warns at each attempt.
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
    with publish(folder) as made, contextlib.redirect_stdout(io.StringIO()):
        prepared = builder(replace(spec, dir=made.parent / "tfds"))
        try:
            prepared.download_and_prepare(
                download_dir=made.parent / "downloads", download_config=settings
            )
        except FAILURES as error:
            raise UserError(
                f"data.name={spec.name}: TFDS cannot prepare it here: "
                f"{describe_failure(error)}; where there are TensorFlow and a network, "
                f"`tfds build {spec.name} --data_dir=DIR --file_format={FORMAT}` makes "
                "what data.dir=DIR reads"
            ) from error
        for file in Path(prepared.data_dir).iterdir():
            file.rename(made / file.name)


def describe_failure(error: Exception) -> str:
    """Returns why TFDS failed, on one line."""
    if isinstance(error, requests.ConnectionError) and error.request is not None:
        return f"no connection to {urlsplit(str(error.request.url)).hostname}"
    return str(error).strip().partition("\n")[0]
