"""What a config says of a data set, and where its examples come from.

There are two kinds of origin: `generated.Generated`, drawn by a function, and
`published.Published`, records that TFDS wrote. A builder (`research.data.builders`)
turns a `Spec` into one of them; `store.Store` makes arrays of either.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from research.data.arrays import Example
from research.errors import UserError

VERSION = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}")  # a copy or backup has another


@dataclass(frozen=True)
class Spec:
    """A data set as its config describes it.

    Attributes:
      name: of the data set.
      version: three numbers with dots; None for the highest that is prepared.
      shape: (height, width, channels) of an image.
      classes: number of classes.
      dir: the folder of data sets.
      manual_dir: local files to build it from; None downloads it.
      masks: folder of the label maps of the local files; None: they have none.
      mask_classes: number of classes of label maps; None: there are none.
      central: how much of the height and width of an image that is scaled is kept,
        around its centre.
    """

    name: str
    version: str | None
    shape: tuple[int, int, int]
    classes: int
    dir: Path
    manual_dir: Path | None = None
    central: float | int = 1.0
    masks: Path | None = None
    mask_classes: int | None = None

    def __post_init__(self) -> None:
        """Refuses a name and a version that would lie elsewhere than DIR/NAME/VERSION.

        Raises:
          UserError: names the key.
        """
        if {"", ".", ".."} & set(self.name.split("/")):
            raise UserError(
                f"data.name={self.name}: takes the name of a folder in data.dir"
            )
        if self.version is not None and not VERSION.fullmatch(self.version):
            raise UserError(
                f"data.version={self.version}: takes three numbers with dots, such as "
                "1.0.0"
            )

    def require_version(self) -> str:
        """Returns the version of data that are made here.

        Raises:
          UserError: it is null.
        """
        if self.version is None:
            raise UserError(
                f"data.version=null: takes the version of {self.name} to make, such as "
                "data.version=1.0.0"
            )
        return self.version

    def require(
        self,
        *,
        shape: tuple[int, int, int],
        classes: int,
        mask_classes: int | None = None,
    ) -> None:
        """Checks that the config is of the only shape and classes that there are.

        Under one version there can be only one: the first would block the others.

        Raises:
          UserError: it is not.
        """
        for key, asked, only in (
            ("shape", list(self.shape), list(shape)),
            ("classes", self.classes, classes),
            ("mask_classes", self.mask_classes, mask_classes),
        ):
            if asked != only:
                shown = "null" if only is None else only
                raise UserError(
                    f"data.{key}={asked}: of {self.name} it is {shown}; set "
                    f"data.{key}={shown}".replace(", ", ",")
                )


@runtime_checkable
class Origin(Protocol):
    """Where the examples of a data set come from."""

    @property
    def spec(self) -> Spec:
        """The data set."""
        ...

    @property
    def overrides(self) -> str:
        """What selects it on the command line, for errors: `data=digits`."""
        ...

    def folder(self) -> Path:
        """Returns DIR/NAME/VERSION; UserError: no version is given or prepared."""
        ...

    def sizes(self) -> Mapping[str, int]:
        """Returns the number of examples of each split; raises as `folder`."""
        ...

    def examples(self, split: str, start: int = 0) -> Iterator[Example]:
        """Yields the examples of a split in stored order, from number `start` on."""
        ...

    def records(self, split: str) -> Any:
        """Returns a `tfds_reader.Records` to stream from; UserError: has none."""
        ...

    def build(self, *, quiet: bool) -> bool:
        """Makes what `examples` reads, if it is not there; returns whether it did."""
        ...


def describe_overrides(option: str, spec: Spec, **usual: Any) -> str:
    """Returns what selects a data set on the command line: `data=mnist data.name=mine`.

    Args:
      option: of `conf/data`.
      spec: the data set.
      **usual: what the option gives; a key is in the words if it has another value, or
        the option gives none.
    """
    values = {
        "name": spec.name,
        "version": spec.version,
        "shape": f"[{','.join(map(str, spec.shape))}]",
        "classes": spec.classes,
    }
    words = [
        f"data.{key}={'null' if value is None else value}"
        for key, value in values.items()
        if key not in usual or usual[key] != value
    ]
    return shlex.join([f"data={option}", *words])


def describe_command(origin: Origin) -> str:
    """Returns the command that prepares a data set, for errors."""
    place = shlex.quote(f"data.dir={origin.spec.dir}")
    return f"python scripts/prepare.py {origin.overrides} {place}"
