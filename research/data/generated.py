"""Data sets that are drawn by a function, and need no files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NoReturn

from research.data.arrays import Example
from research.data.origin import Spec
from research.errors import UserError

Numbered = Iterable[tuple[int, Example]]  # each example with its number


@dataclass(frozen=True)
class Generated:
    """A data set that is drawn when its arrays are made; see `origin.Origin`.

    Attributes:
      spec: the data set, with its version.
      overrides: what selects it on the command line, for errors.
      counts: number of examples of each split.
      draw: `draw(split)` yields (number, example), each number once. An example is an
        `image`, uint8 (height, width, channels), and whatever else is known of it.
    """

    spec: Spec
    overrides: str
    counts: Mapping[str, int]
    draw: Callable[[str], Numbered]

    def folder(self) -> Path:
        """Returns DIR/NAME/VERSION; UserError: no version is given."""
        return self.spec.dir / self.spec.name / self.spec.require_version()

    def sizes(self) -> Mapping[str, int]:
        """Returns the number of examples of each split."""
        return self.counts

    def examples(self, split: str, start: int = 0) -> Iterator[Example]:
        """Yields the examples of a split, shuffled by `hash_number`."""
        drawn = sorted(self.draw(split), key=lambda pair: hash_number(split, pair[0]))
        yield from islice((example for _, example in drawn), start, None)

    def records(self, split: str) -> NoReturn:
        """Refuses to be streamed.

        Raises:
          UserError: always.
        """
        raise UserError(
            f"data/stream=…: {self.spec.name} ({split}) is drawn, and streams are of "
            "PNG and JPEG files; take data/stream=none"
        )

    def build(self, *, quiet: bool) -> bool:
        """Does nothing: drawing needs no files."""
        del quiet
        return False


def hash_number(split: str, number: int) -> bytes:
    """Returns what examples are sorted by: a fixed shuffle, another for each split.

    It is the order in which TFDS stores examples with these keys, so the first k of a
    split are a sample of it, the same ones wherever and however it was prepared.

    References:
      `tensorflow_datasets.core.hashing`: the MD5 of the split's name, then the key.
    """
    return hashlib.md5(f"{split}{number}".encode(), usedforsecurity=False).digest()
