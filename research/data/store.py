"""The arrays of a data set on disk, made of its examples at first use.

DIR/NAME/VERSION/                            what TFDS wrote, of a published data set
DIR/NAME/VERSION/splits-28x28x1/train/*.npy  the arrays of a split
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from research.data import arrays
from research.data.origin import Origin, describe_command
from research.data.split import Split
from research.errors import UserError


@dataclass(frozen=True)
class Store:
    """The arrays of a data set.

    Attributes:
      origin: where its examples come from.
    """

    origin: Origin

    @property
    def remedy(self) -> str:
        """What to do about damaged files, for errors."""
        return f"run `{describe_command(self.origin)}`"

    def locate(self, split: str, start: int = 0) -> Path:
        """Returns the folder of a split's arrays, whether it is there or not."""
        spec = self.origin.spec
        size = "x".join(map(str, spec.shape))
        kept = "" if spec.central == 1 else f"-{spec.central}"
        part = f"{split}-from-{start}" if start else split
        return self.origin.folder() / f"splits-{size}{kept}" / part

    def make(self, split: str, start: int = 0) -> bool:
        """Makes the arrays of a split unless they are there.

        Args:
          split: as stored.
          start: the first example that is in them.

        Returns:
          Whether there was anything to make.

        Raises:
          UserError: the data set is not prepared, has no such split, or is not of the
            configured shape and classes.
        """
        folder, spec = self.locate(split, start), self.origin.spec
        if folder.is_dir():
            return False
        count = self.count(split) - start
        examples = self.origin.examples(split, start)
        arrays.write(folder, examples, count=count, classes=spec.classes)
        return True

    def count(self, split: str) -> int:
        """Returns how many examples a stored split has.

        Raises:
          UserError: there is no such split.
        """
        sizes, name = self.origin.sizes(), self.origin.spec.name
        if split not in sizes:
            whose = "of training images" if split == "train" else "(data.test_split)"
            raise UserError(
                f"{name} has no split {split!r} {whose}: it has {', '.join(sizes)}"
            )
        return sizes[split]

    def index(self, split: str, start: int = 0) -> dict[str, Any]:
        """Returns what is recorded of a split: `examples`, `mean`, `std` and so on.

        Raises:
          UserError: as `make`, or the index is damaged.
        """
        self.make(split, start)
        index = arrays.read_index(self.locate(split, start), remedy=self.remedy)
        spec = self.origin.spec
        if index["classes"] != spec.classes:
            raise UserError(
                f"data.classes={spec.classes}: {spec.name} has {index['classes']} "
                f"classes; set data.classes={index['classes']}"
            )
        labels, masked = index.get("mask_classes", 0), spec.mask_classes
        if masked is not None and labels > masked:
            raise UserError(
                f"data.mask_classes={masked}: the label maps of {spec.name} have a "
                f"label {labels - 1}; set data.mask_classes={labels}"
            )
        return index

    def read(self, split: str, start: int = 0, *, verify: bool = True) -> Split:
        """Returns a split in stored order, from number `start` on.

        Raises:
          UserError: as `make`, or a file is damaged.
        """
        self.make(split, start)
        folder = self.locate(split, start)
        return Split(arrays.read(folder, remedy=self.remedy, verify=verify))

    def mend(self, split: str) -> bool:
        """Makes a split's arrays again if they are damaged; returns whether it did.

        Raises:
          UserError: they are, and what they are made of is not there.
        """
        try:
            self.read(split)
        except UserError:
            self.origin.sizes()  # raises before anything is removed
            shutil.rmtree(self.locate(split))
            self.read(split)
            return True
        return False
