"""A corruption with its severities, applied to many images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from jaxtyping import Float, Int, UInt8

from research.types import Length

Picture = Float[np.ndarray, "height width channels"]
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

    def __call__(
        self,
        images: UInt8[np.ndarray, "batch height width channels"],
        seeds: Int[np.ndarray, " batch"],
        severity: int,
    ) -> UInt8[np.ndarray, "batch height width channels"]:
        """Returns corrupted images.

        Args:
          images: of 0 … 255.
          seeds: one an image, which draws the same at any severity and in any batch.
          severity: from 1 on.

        Returns:
          Images of 0 … 255, rounded down as the published ones are.
        """
        given = self.severities[severity - 1]
        made = np.empty_like(images)
        for index, (image, seed) in enumerate(zip(images, seeds, strict=True)):
            rng = np.random.default_rng(int(seed))
            changed = self.corrupt(image / WHITE, rng, *given)
            made[index] = (np.clip(changed, 0, 1) * WHITE + 1e-6).astype(np.uint8)
        return made
