"""Prepares a data set: downloads it or reads local files, and makes its arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

from research.data import statistics
from research.data.origin import Origin, Spec
from research.data.source import Settings, describe
from research.data.store import Store


def prepare(
    *,
    builder: Callable[[Spec], Origin],
    stream: Any = None,
    test_split: str = "test",
    test_examples: int | None = None,
    **settings: Unpack[Settings],
) -> str:
    """Makes the records and arrays of a data set; what is there and whole is kept.

    Args:
      builder: `builder(spec)` returns where the examples come from.
      stream: not None: the training images are streamed; no arrays are made of them.
      test_split: the stored split that is `test`.
      test_examples: all are prepared, however many are measured.
      **settings: the other keys of conf/data; those of `Spec` are used.

    Returns:
      A line that says what was done, and the statistics of the training images.

    Raises:
      UserError: the files are not what they should be, or the download failed.
    """
    origin = builder(describe(settings))
    store = Store(origin)
    splits = ("train", test_split) if stream is None else (test_split,)
    made = [origin.build(quiet=False), *map(store.make, splits)]
    mended = [split for split in splits if store.mend(split)]
    if mended:
        done = f"was damaged in {', '.join(mended)} and is mended"
    else:
        done = "is now prepared" if any(made) else "is prepared already"
    if origin.spec.manual_dir is not None and not made[0]:
        done += f" (data.manual_dir={origin.spec.manual_dir} was not read)"
    known = store.index(splits[0])
    statistics.compare(settings, known, origin.spec.name)
    return (
        f"{origin.spec.name} {origin.folder().name} {done} in {origin.folder()}: "
        f"{store.count('train')} train and {store.count(test_split)} test images; "
        f"of {splits[0]}, mean={known['mean']} std={known['std']}"
    )
