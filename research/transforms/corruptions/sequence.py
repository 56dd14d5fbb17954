"""Sequences of frames of each image: a corruption that varies, or noise drawn anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from research.errors import UserError
from research.transforms.corruptions.corruption import (
    Number,
    Picture,
    Seeds,
    Stored,
    check_arguments,
    corrupt_each,
)
from research.types import Bits, Finite, Length, Range


@dataclass(frozen=True)
class FrameSequence:
    """A sequence of frames, from 0 on, of any image.

    Attributes:
      consecutive: whether a frame is compared with the one before; else with frame 0.
      corrupt: `corrupt(image, rng, *arguments)`, see `research.transforms.corruptions`.
      frames: how many, with frame 0.
    """

    consecutive: ClassVar[bool]
    corrupt: Callable[..., Picture]
    frames: Annotated[int, Range(2), Bits(31)]

    def check(self, key: str) -> None:
        """Refuses arguments that the corruption does not take.

        Args:
          key: of the config, for the error.

        Raises:
          UserError: names the arguments and what would be taken.
        """
        raise NotImplementedError

    def __call__(self, images: Stored, seeds: Seeds, frame: int) -> Stored:
        """Returns one frame of each image.

        Args:
          images: of 0 … 255.
          seeds: one an image, which draws the same in any batch.
          frame: from 0 on.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Varied(FrameSequence):
    """A corruption whose arguments change evenly; an image keeps its random draws.

    Attributes:
      corrupt: see the base.
      frames: likewise.
      first: the corruption's arguments in the first frame.
      last: in the last one. Those that are equal to the first stay as they are.
    """

    consecutive: ClassVar[bool] = True
    first: Annotated[Sequence[Finite], Length()]
    last: Annotated[Sequence[Finite], Length()]

    def __post_init__(self) -> None:
        object.__setattr__(self, "first", tuple(self.first))
        object.__setattr__(self, "last", tuple(self.last))

    def check(self, key: str) -> None:
        """Refuses arguments that the corruption does not take, or not in between."""
        check_arguments(f"{key}.first", self.corrupt, self.first)
        check_arguments(f"{key}.last", self.corrupt, self.last)
        if len(self.first) != len(self.last):
            given, first = list(self.last), list(self.first)
            raise UserError(f"{key}.last={given}: takes as many as first={first}")
        between = f"{key}, between first and last"
        check_arguments(between, self.corrupt, self.arguments(1))

    def __call__(self, images: Stored, seeds: Seeds, frame: int) -> Stored:
        """Returns the images, corrupted with the arguments of a frame."""
        return corrupt_each(self.corrupt, images, seeds, self.arguments(frame))

    def arguments(self, frame: int) -> tuple[Number, ...]:
        """Returns the corruption's arguments in a frame."""
        return tuple(
            low if low == high else low + (high - low) * frame / (self.frames - 1)
            for low, high in zip(self.first, self.last, strict=True)
        )


@dataclass(frozen=True)
class Redrawn(FrameSequence):
    """Noise of one strength, drawn anew for each frame; frame 0 is the image itself.

    Attributes:
      corrupt: see the base.
      frames: likewise.
      arguments: of the corruption.
    """

    consecutive: ClassVar[bool] = False
    arguments: Annotated[Sequence[Finite], Length()]

    def __post_init__(self) -> None:
        object.__setattr__(self, "arguments", tuple(self.arguments))

    def check(self, key: str) -> None:
        """Refuses arguments that the corruption does not take."""
        check_arguments(f"{key}.arguments", self.corrupt, self.arguments)

    def __call__(self, images: Stored, seeds: Seeds, frame: int) -> Stored:
        """Returns the images themselves, or with the noise of a frame."""
        if frame == 0:
            return images
        each = np.column_stack([seeds, np.full(len(seeds), frame)])
        return corrupt_each(self.corrupt, images, each, self.arguments)
