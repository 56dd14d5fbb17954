"""Data sets from published files, which TFDS prepares as records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from research.data.arrays import Example
from research.data.origin import VERSION, Spec, describe_command
from research.errors import UserError

INFO = "dataset_info.json"  # TFDS writes it last


@dataclass(frozen=True)
class Published:
    """A data set whose records lie at DIR/NAME/VERSION; see `origin.Origin`.

    Attributes:
      spec: the data set.
      overrides: what selects it on the command line, for errors.
      builder: `builder(spec)` returns the TFDS builder that writes the records of a
        data set below `spec.dir`.
    """

    spec: Spec
    overrides: str
    builder: Callable[[Spec], Any]

    @property
    def prepared(self) -> list[Path]:
        """The folders that TFDS has written, in the order of their versions."""
        home = self.spec.dir / self.spec.name
        found = [path.parent for path in home.glob(f"*/{INFO}")]
        if self.spec.version is not None:
            return [path for path in found if path.name == self.spec.version]
        numbered = [path for path in found if VERSION.fullmatch(path.name)]
        return sorted(numbered, key=lambda path: [*map(int, path.name.split("."))])

    def folder(self) -> Path:
        """Returns DIR/NAME/VERSION; of no given version, the highest that is prepared.

        Raises:
          UserError: there is none.
        """
        if self.spec.version is not None:
            return self.spec.dir / self.spec.name / self.spec.version
        return self.require()[-1]

    def require(self) -> list[Path]:
        """Returns the prepared versions.

        Raises:
          UserError: there is none.
        """
        if prepared := self.prepared:
            return prepared
        raise UserError(
            f"data.name={self.spec.name} is not prepared in data.dir={self.spec.dir}; "
            f"run `{describe_command(self)}`, which downloads it or, with "
            "data.manual_dir=DIR, reads local files"
        )

    def sizes(self) -> Mapping[str, int]:
        """Returns the number of stored examples of each split.

        Raises:
          UserError: the data set is not prepared.
        """
        self.require()
        from research.data import tfds_reader  # TFDS takes a second to import

        return tfds_reader.read_sizes(self.folder())

    def records(self, split: str) -> Any:
        """Returns a reader of the records of a split.

        Raises:
          UserError: as `tfds_reader.Records`.
        """
        from research.data.tfds_reader import Records

        shape, classes = self.spec.shape, self.spec.classes
        return Records(self.folder(), split, shape=shape, classes=classes)

    def examples(self, split: str, start: int = 0) -> Iterator[Example]:
        """Yields the examples of a split in stored order, from number `start` on.

        Raises:
          UserError: as `records`, or a file is damaged.
        """
        return self.records(split).examples(start, central=self.spec.central)

    def build(self, *, quiet: bool) -> bool:
        """Downloads the files or reads local ones, and writes the records.

        Args:
          quiet: whether to show no progress even on a terminal.

        Returns:
          False if they are there already.

        Raises:
          UserError: the local files are not what they should be, or the download
            failed.
        """
        if self.prepared:
            return False
        from research.data import tfds_writer

        version = self.spec.version or str(self.builder(self.spec).version)
        pinned = replace(self.spec, version=version)
        folder = self.spec.dir / self.spec.name / version
        tfds_writer.write(self.builder, pinned, folder, quiet=quiet)
        return True
