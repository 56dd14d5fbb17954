"""What a config says of a data set, and where its examples come from.

There are two kinds of origin: `generated.Generated`, drawn by a function, and
`published.Published`, records that TFDS wrote. A builder (`research.data.builders`)
turns a `Spec` into one of them; `store.Store` makes arrays of either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from research.data.arrays import Example
from research.errors import UserError


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

    def require(self, *, shape: tuple[int, int, int], classes: int) -> None:
        """Checks that the config is of the only shape and classes that there are.

        Under one version there can be only one: the first would block the others.

        Raises:
          UserError: it is not.
        """
        for key, asked, only in (
            ("shape", list(self.shape), list(shape)),
            ("classes", self.classes, classes),
        ):
            if asked != only:
                raise UserError(
                    f"data.{key}={asked}: of {self.name} it is {only}; set "
                    f"data.{key}={only}".replace(", ", ",")
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


def describe_command(origin: Origin) -> str:
    """Returns the command that prepares a data set, for errors."""
    return f"python scripts/prepare.py {origin.overrides} data.dir={origin.spec.dir}"
