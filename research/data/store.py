"""Where a data set lies on disk, and the way from its records to arrays.

DIR/NAME/VERSION/                      what TFDS wrote: records, features, counts
DIR/NAME/VERSION/arrays-28x28x1/train  the same as arrays, made at first use
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from research.data import arrays
from research.data.arrays import Stored
from research.errors import UserError

INFO = "dataset_info.json"


@dataclass(frozen=True)
class Store:
    """A data set below a folder of data sets.

    Args:
      name: of the data set in TFDS.
      version: three numbers with dots; None for the highest that is there.
      shape: (height, width, channels) of an image.
      classes: number of classes.
      dir: the folder of data sets.
      overrides: what selects it on the command line, for the errors.
      central: how much of the height and width of an image that is scaled is kept.
    """

    name: str
    version: str | None
    shape: tuple[int, int, int]
    classes: int
    dir: Path
    overrides: str
    central: float = 1.0

    @property
    def found(self) -> list[Path]:
        """The folders that TFDS has written, in the order of their versions."""
        infos = (self.dir / self.name).glob(f"{self.version or '[0-9]*'}/{INFO}")
        return sorted(
            (path.parent for path in infos),
            key=lambda path: [int(number) for number in path.name.split(".")],
        )

    @property
    def folder(self) -> Path:
        """DIR/NAME/VERSION."""
        if self.version is not None:
            return self.dir / self.name / self.version
        if not self.found:
            raise self.missing()
        return self.found[-1]

    @property
    def command(self) -> str:
        """What prepares it."""
        return f"python scripts/prepare.py {self.overrides} data.dir={self.dir}"

    def missing(self) -> UserError:
        """Returns what to tell when it is not prepared."""
        return UserError(
            f"data.name={self.name} is not prepared in data.dir={self.dir}; run "
            f"`{self.command}` to download it, and add data.manual_dir=DIR to build it "
            "from local files"
        )

    def sizes(self) -> dict[str, int]:
        """Returns the number of stored examples of each split, from what TFDS wrote.

        Raises:
          UserError: the data set is not prepared.
        """
        if not self.found:
            raise self.missing()
        from research.data import records  # TFDS takes a second to import

        return records.sizes(self.folder)

    def arrays(self, split: str, start: int = 0) -> Path:
        """Returns the folder of a split's arrays, making them at first use.

        Args:
          split: as stored.
          start: the first example that is in them.

        Raises:
          UserError: the data set is not prepared, has no such split, or is not of the
            configured shape and classes.
        """
        size = "x".join(map(str, self.shape))
        kept = "" if self.central == 1 else f"-{self.central}"
        part = f"{split}-from-{start}" if start else split
        folder = self.folder / f"arrays-{size}{kept}" / part
        if not folder.is_dir():
            sizes = self.sizes()
            from research.data.stored import Stored as Records

            if split not in sizes:
                raise UserError(
                    f"{self.name} has no split {split!r} (data.test_split): it has "
                    f"{', '.join(sizes)}"
                )
            stored = Records(self.folder, split, shape=self.shape, classes=self.classes)
            arrays.write(
                folder,
                stored.images(start, central=self.central),
                count=sizes[split] - start,
                shape=self.shape,
                classes=self.classes,
            )
        return folder

    def index(self, split: str, start: int = 0) -> dict[str, Any]:
        """Returns what is known of a split: `examples`, `mean`, `std` and so on.

        Raises:
          UserError: as `arrays`, or the index is damaged.
        """
        remedy = f"run `{self.command}`"
        index = arrays.read_index(self.arrays(split, start), remedy=remedy)
        if index["classes"] != self.classes:
            raise UserError(
                f"data.classes={self.classes}: {self.name} has {index['classes']} "
                f"classes; set data.classes={index['classes']}"
            )
        return index

    def read(self, split: str, start: int = 0, *, verify: bool = True) -> Stored:
        """Returns the images and labels of a split in stored order, from `start` on.

        Raises:
          UserError: as `arrays`, or a file is damaged.
        """
        remedy = f"run `{self.command}`"
        return arrays.read(self.arrays(split, start), remedy=remedy, verify=verify)

    def mend(self, split: str) -> bool:
        """Makes a split's arrays again if they are damaged; returns whether it did."""
        try:
            self.read(split)
        except UserError:
            if not self.found:
                raise
            shutil.rmtree(self.arrays(split))
            self.read(split)
            return True
        return False

    def build(
        self, builder: Callable[..., Any], *, manual_dir: Path | None, quiet: bool
    ) -> None:
        """Writes the data set through TFDS.

        Args:
          builder: `builder(*, name, version, shape, classes, data_dir, manual_dir)`.
          manual_dir: local files to build it from; None downloads it.
          quiet: whether to show no progress even on a terminal.

        Raises:
          UserError: the local files are not what they should be, or cannot be had.
        """
        from research.data import records

        def build(data_dir: Path, version: str | None = self.version) -> Any:
            return builder(
                name=self.name,
                version=version,
                shape=self.shape,
                classes=self.classes,
                data_dir=data_dir,
                manual_dir=manual_dir,
            )

        version = self.version or str(build(self.dir).version)
        folder = self.dir / self.name / version
        records.write(
            partial(build, version=version),
            folder,
            name=self.name,
            manual_dir=manual_dir,
            quiet=quiet,
        )
