"""A corruption with its severities, applied to many images."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, get_type_hints

import numpy as np
from jaxtyping import Float, Int, UInt8

from research.annotations import accepts, describe
from research.errors import UserError
from research.types import Length

Picture = Float[np.ndarray, "height width channels"]
Stored = UInt8[np.ndarray, "batch height width channels"]  # 0 … 255
Seeds = Int[np.ndarray, " batch"]
Number = float | int
WHITE = 255


@dataclass(frozen=True)
class Corruption:
    """A corruption and what it takes at each severity.

    Attributes:
      corrupt: `corrupt(image, rng, *severity)`, see `research.transforms.corruptions`.
      severities: its further arguments, from the mildest on.
    """

    corrupt: Callable[..., Picture]
    severities: Annotated[Sequence[Sequence[Number]], Length()]

    def __post_init__(self) -> None:
        object.__setattr__(self, "severities", tuple(map(tuple, self.severities)))

    def check(self, key: str) -> None:
        """Refuses severities that the corruption does not take.

        Args:
          key: of the config, for the error.

        Raises:
          UserError: names the severity and what would be taken.
        """
        for given in self.severities:
            check_arguments(f"{key}.severities", self.corrupt, given)

    def __call__(self, images: Stored, seeds: Seeds, severity: int) -> Stored:
        """Returns corrupted images.

        Args:
          images: of 0 … 255.
          seeds: one an image, which draws the same at any severity and in any batch.
          severity: from 1 on.

        Returns:
          Images of 0 … 255, rounded down as the published ones are.
        """
        return corrupt_each(self.corrupt, images, seeds, self.severities[severity - 1])


def corrupt_each(
    corrupt: Callable[..., Picture],
    images: Stored,
    seeds: Int[np.ndarray, "batch ..."],
    given: Sequence[Number],
) -> Stored:
    """Corrupts images one by one.

    Args:
      corrupt: see `research.transforms.corruptions`.
      images: of 0 … 255.
      seeds: one an image, an integer or several.
      given: its further arguments.

    Returns:
      Images of 0 … 255, rounded down as the published ones are.
    """
    made = np.empty_like(images)
    for index, (image, seed) in enumerate(zip(images, seeds, strict=True)):
        rng = np.random.default_rng(seed.tolist())
        changed = corrupt(image / WHITE, rng, *given)
        made[index] = (np.clip(changed, 0, 1) * WHITE + 1e-6).astype(np.uint8)
    return made


def check_arguments(
    key: str, corrupt: Callable[..., Any], given: Sequence[object]
) -> None:
    """Compares what a config gives a corruption with its annotations.

    Args:
      key: of the config, for the error.
      corrupt: `corrupt(image, rng, …)`.
      given: its further arguments.

    Raises:
      UserError: there are too few or too many, or one is out of its range.
    """
    _, _, *parameters = inspect.signature(corrupt).parameters.values()
    hints = get_type_hints(corrupt, include_extras=True)
    least = sum(one.default is inspect.Parameter.empty for one in parameters)
    kinds = {one.name: hints.get(one.name, Any) for one in parameters}
    right = all(map(accepts, kinds.values(), given))
    if not (right and least <= len(given) <= len(kinds)):
        takes = ", ".join(f"{name} ({describe(kind)})" for name, kind in kinds.items())
        raise UserError(f"{key}={list(given)}: takes {takes}")
