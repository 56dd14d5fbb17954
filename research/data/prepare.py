"""Prepares a data set: downloads it or reads local files, and makes its arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from research.data.store import Store


def prepare(
    name: str,
    *,
    version: str | None,
    shape: Sequence[int],
    classes: int,
    dir: str | Path,
    builder: Callable[..., Any],
    overrides: str,
    manual_dir: str | Path | None = None,
    test_split: str = "test",
    central: float = 1.0,
    stream: Any = None,
    **_: Any,
) -> str:
    """Writes a data set as TFDS would and as arrays; what is there and whole is kept.

    Args:
      name: of the data set in TFDS.
      version: of it; None for the builder's own.
      shape: (height, width, channels) of an image.
      classes: number of classes.
      dir: the folder of data sets.
      builder: `builder(*, name, version, shape, classes, data_dir, manual_dir)`.
      overrides: what selects it on the command line, for the errors.
      manual_dir: local files to build it from; None downloads it.
      test_split: the stored split that is `test`.
      central: how much of the height and width of scaled images is kept in arrays.
      stream: not None: the training images are streamed; no arrays are made of them.
      **_: the keys of `research.data.source.load` that concern reading only.

    Returns:
      A line that says what was done, and the statistics of the training images.

    Raises:
      UserError: the files are not what they should be, or the download failed.
    """
    manual = None if manual_dir is None else Path(manual_dir)
    store = Store(name, version, tuple(shape), classes, Path(dir), overrides, central)
    done = "is prepared already"
    if not store.found:
        store.build(builder, manual_dir=manual, quiet=False)
        done = "is now prepared"
    splits = ("train", test_split) if stream is None else (test_split,)
    mended = [split for split in splits if store.mend(split)]
    if mended:
        done = f"was damaged in {', '.join(mended)} and is mended"
    sizes, known = store.sizes(), store.index(splits[0])
    return (
        f"{name} {store.folder.name} {done} in {store.folder}: {sizes['train']} train "
        f"and {sizes[test_split]} test images; of {splits[0]}, mean={known['mean']} "
        f"std={known['std']}"
    )
