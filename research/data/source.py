"""Data sets by name: what `conf/data/*.yaml` describes, as splits in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from research.data.split import Split
from research.data.store import Store
from research.errors import UserError


@dataclass(frozen=True)
class Dataset:
    """A data set; its splits are read when they are first asked for.

    Args:
      name: of the data set.
      version: of the data set.
      shape: (height, width, channels) of an image.
      classes: number of classes.
      splits: `train`, `validation`, `test` → what reads it.
    """

    name: str
    version: str
    shape: tuple[int, int, int]
    classes: int
    splits: Mapping[str, Callable[[], Any]] = field(repr=False)

    def split(self, name: str) -> Any:
        """Returns `train`, `validation` (empty unless asked for) or `test`.

        Each is a `Split`; but `train` is a `Stream` where the config says so.

        Raises:
          UserError: there is no such split, or a file is damaged.
        """
        if name not in self.splits:
            raise UserError(f"split={name}: there are {', '.join(self.splits)}")
        return self.splits[name]()


def load(
    name: str,
    *,
    version: str | None,
    shape: Sequence[int],
    classes: int,
    mean: Sequence[float],
    std: Sequence[float],
    dir: str | Path,
    builder: Callable[..., Any],
    overrides: str,
    manual_dir: str | Path | None = None,
    train_examples: int | None = None,
    validation_examples: int = 0,
    test_split: str = "test",
    embedded: bool = False,
    verify: bool = True,
    central: float = 1.0,
    stream: Callable[..., Any] | None = None,
) -> Dataset:
    """Loads a prepared data set.

    Arrays are made from the TFDS records at the first use, and mapped into memory from
    then on. Stored order is TFDS' own, a fixed shuffle: the first are a sample.

    Args:
      name: of the data set in TFDS.
      version: of it; None for the highest that is prepared.
      shape: (height, width, channels); images of no fixed size are scaled to it.
      classes: number of classes.
      mean: per channel, of images in [0, 1]; the network takes it from the config.
      std: per channel, of images in [0, 1]; the network takes it from the config.
      dir: the folder of data sets.
      builder: makes it; used here only where it is `embedded`.
      overrides: what selects it on the command line, for the errors.
      manual_dir: for `scripts/prepare.py`.
      train_examples: size of `train`, its first examples; None for all.
      validation_examples: size of `validation`, the last examples of the stored train
        split, which `train` then lacks.
      test_split: the stored split that is `test`.
      embedded: the builder needs no files: prepare at the first use.
      verify: whether to check the arrays' SHA-256 when a split is read.
      central: how much of the height and width of an image that is scaled is kept in
        arrays, around its centre.
      stream: factory of what `train` is in place of arrays, for data that do not fit:
        `stream(folder, split, examples=…, shape=…, classes=…)`. `validation` and `test`
        are arrays on disk as ever, mapped into memory; no others are made.

    Raises:
      UserError: it is not prepared, is damaged, or is not of that shape, classes, size.
    """
    store = Store(name, version, tuple(shape), classes, Path(dir), overrides, central)
    if embedded and not store.found:
        store.build(builder, manual_dir=None, quiet=True)
    streamed = stream is not None
    there = store.sizes()["train"] if streamed else store.index("train")["examples"]
    store.index(test_split)
    last = there - validation_examples
    size = last if train_examples is None else train_examples
    if validation_examples < 0 or not 0 < size <= last:
        raise UserError(
            f"data.train_examples={train_examples} with data.validation_examples="
            f"{validation_examples}: {name} has {there} training examples in all"
        )
    read = cache(partial(store.read, verify=verify))

    def cut(split: str, start: int, stop: int | None) -> Split:
        images, labels = read(split)
        return Split.labelled(images[start:stop], labels[start:stop])

    splits = {
        "train": partial(cut, "train", 0, size),
        "validation": partial(cut, "train", last, there),
        "test": partial(cut, test_split, 0, None),
    }
    if stream is not None:
        size_of = {"examples": size, "shape": store.shape, "classes": classes}
        splits["train"] = cache(partial(stream, store.folder, "train", **size_of))
        splits["validation"] = partial(held_out, store, last, there, verify=verify)
    return Dataset(name, store.folder.name, store.shape, classes, splits)


def held_out(store: Store, start: int, stop: int, *, verify: bool) -> Split:
    """Returns the last training examples as arrays of their own."""
    if start == stop:
        return Split.labelled(
            np.empty((0, *store.shape), np.uint8), np.empty(0, np.int32)
        )
    return Split.labelled(*store.read("train", start, verify=verify))
