"""Data sets by name: what `conf/data/*.yaml` describes, as splits in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any, TypedDict, Unpack

import numpy as np

from research.data import statistics
from research.data.origin import Origin, Spec
from research.data.split import Split
from research.data.store import Store
from research.errors import UserError
from research.types import Count, Finite, Fraction, Length, Natural, Positive, Seed


@dataclass(frozen=True)
class Dataset:
    """A data set; its splits are read when they are first asked for.

    Attributes:
      name: of the data set.
      version: of the data set.
      shape: (height, width, channels) of an image.
      classes: number of classes; None: there are no labels.
      splits: `train`, `validation`, `test` → what reads it.
      mean: of the pixels in [0, 1], one value or one for each channel, as configured or
        else as recorded of the stored training images (of the test images, where the
        training images are streamed).
      std: likewise.
      names: of the classes in order, as those of their folders; None: not recorded.
      photographs: names of the images of `test` in order; None: they have none.
    """

    name: str
    version: str
    shape: tuple[int, int, int]
    classes: int | None
    splits: Mapping[str, Callable[[], Any]] = field(repr=False)
    mean: Sequence[float | int] = (0.0,)
    std: Sequence[float | int] = (1.0,)
    names: Sequence[str] | None = None
    photographs: Sequence[str] | None = None

    def split(self, name: str) -> Any:
        """Returns `train`, `validation` (empty unless asked for) or `test`.

        Each is a `Split`, except that `train` is a `Stream` where the config says so.

        Raises:
          UserError: there is no such split, or a file is damaged.
        """
        if name not in self.splits:
            raise UserError(f"split={name}: there are {', '.join(self.splits)}")
        return self.splits[name]()


@dataclass(frozen=True)
class Cut:
    """Where the stored training split is cut in two.

    Attributes:
      train_examples: size of `train`, the first examples; None for all.
      validation_examples: size of `validation`, the last examples, which `train` lacks.
      subset: seed by which those of `train` are drawn from all but `validation`; None
        takes the first.
    """

    train_examples: int | None = None
    validation_examples: int = 0
    subset: int | None = None

    def apply(self, examples: int, name: str) -> tuple[int, int]:
        """Returns the end of `train`, and the start of `validation`.

        Args:
          examples: how many the stored training split has.
          name: of the data set, for the error.

        Raises:
          UserError: there are not that many, or `train` would be empty.
        """
        last = examples - self.validation_examples
        size = last if self.train_examples is None else self.train_examples
        if self.validation_examples < 0 or not 0 < size <= last:
            raise UserError(
                f"data.train_examples={self.train_examples} with "
                f"data.validation_examples={self.validation_examples}: {name} has "
                f"{examples} training examples, from which both are taken; give less"
            )
        return size, last

    def choose(self, whole: Split, size: int, last: int) -> Split:
        """Returns `train`: the first examples, or a drawn subset in stored order.

        Args:
          whole: the stored training split.
          size: of `train`, as `apply` returns it.
          last: the start of `validation`, likewise.
        """
        if self.subset is None or size == last:
            return whole.rows(0, size)
        drawn = np.random.default_rng(self.subset).permutation(last)[:size]
        return whole.take(np.sort(drawn))


class Required(TypedDict):
    """The keys of conf/data that every data set has."""

    name: str
    shape: Annotated[Sequence[Count], Length(3, 3, "height, width, channels")]
    classes: Count
    # The network takes these two from the config itself, or from what is recorded.
    mean: Annotated[Sequence[Finite], Length()] | None
    std: Annotated[Sequence[Positive], Length()] | None
    dir: str | Path


class Settings(Required, total=False):
    """The keys of conf/data: those of `Spec` and `Cut`, and two for the network.

    `mean` and `std` are those that are recorded with the prepared data where null.
    """

    version: str | None
    manual_dir: str | Path | None
    masks: str | Path | None
    mask_classes: Count | None
    central: Fraction
    train_examples: Count | None
    validation_examples: Natural
    subset: Seed | None


def load(
    *,
    builder: Callable[[Spec], Origin],
    stream: Callable[..., Any] | None = None,
    test_split: str = "test",
    test_examples: Count | None = None,
    verify: bool = True,
    **settings: Unpack[Settings],
) -> Dataset:
    """Loads a data set.

    Arrays are made of its examples at the first use, and mapped into memory from then
    on. Stored order is a fixed shuffle: the first examples are a sample.

    Args:
      builder: `builder(spec)` returns where the examples come from.
      stream: `stream(records, examples=…)` returns what `train` is in place of arrays,
        for data that do not fit. `validation` and `test` are arrays on disk as ever; no
        others are made.
      test_split: the stored split that is `test`.
      test_examples: how many of it, from the first; None: all.
      verify: whether to check the arrays' SHA-256 when a split is read.
      **settings: the other keys of conf/data.

    Raises:
      UserError: it is not prepared, is damaged, or is not of that shape, classes, size.
    """
    origin, cut = builder(describe(settings)), pick(Cut, settings)
    store, spec = Store(origin), origin.spec
    if stream is None:
        known = store.index("train")
        there, tested = known["examples"], store.index(test_split)
    else:
        known = tested = store.index(test_split)
        there = store.count("train")
    size, last = cut.apply(there, spec.name)
    if test_examples is not None and not 0 < test_examples <= tested["examples"]:
        raise UserError(
            f"data.test_examples={test_examples}: {spec.name} has {tested['examples']} "
            "test examples; take 1 to that many, or null for all"
        )
    read = cache(partial(store.read, verify=verify))
    splits: dict[str, Callable[[], Any]] = {
        "train": cache(lambda: cut.choose(read("train"), size, last)),
        "validation": lambda: read("train").rows(last, there),
        "test": cache(lambda: read(test_split).first(test_examples)),
    }
    if stream is not None:
        if cut.subset is not None:
            raise UserError(
                f"data.subset={cut.subset}: of streamed training images the first are "
                "taken; set data.subset=null, or data/stream=none"
            )
        factory = stream
        splits["train"] = cache(lambda: factory(origin.records("train"), examples=size))
        splits["validation"] = lambda: read_held_out(read, test_split, last, there)
    statistics.compare(settings, known, f"{spec.name} in {origin.folder()}")
    return Dataset(
        spec.name,
        origin.folder().name,
        spec.shape,
        spec.classes,
        splits,
        mean=statistics.resolve("mean", settings, known),
        std=statistics.resolve("std", settings, known),
        names=read_names(origin.folder()),
    )


def read_names(folder: Path) -> tuple[str, ...] | None:
    """Returns the names of the classes that TFDS recorded beside a data set."""
    path = folder / "label.labels.txt"
    if not path.is_file():
        return None
    return tuple(path.read_text(encoding="utf-8").splitlines())


def read_held_out(
    read: Callable[..., Split], test_split: str, start: int, stop: int
) -> Split:
    """Returns the last training examples as arrays of their own.

    Where there are none it is an empty split with the arrays of `test_split`.
    """
    return read("train", start) if start < stop else read(test_split).rows(0, 0)


def describe(settings: Mapping[str, Any]) -> Spec:
    """Returns what the keys of conf/data say of a data set."""
    folders = {name: settings.get(name) for name in ("manual_dir", "masks")}
    typed = {
        "shape": tuple(settings["shape"]),
        "dir": Path(settings["dir"]),
        **{name: path and Path(path) for name, path in folders.items()},
    }
    return pick(Spec, {**settings, **typed})


def pick(kind: type[Any], settings: Mapping[str, Any]) -> Any:
    """Builds a dataclass of those settings that are its fields."""
    names = {field.name for field in fields(kind)} & settings.keys()
    return kind(**{name: settings[name] for name in names})
