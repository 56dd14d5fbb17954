"""All circular shifts by multiples of a fraction of a pixel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

from research.data.split import Split
from research.evals.fractional import FINEST
from research.evals.measurement import Measurement
from research.evals.orbit import Orbit
from research.tasks.classification import CLASSIFICATION
from research.tasks.task import Task
from research.types import Count, Range


@dataclass(frozen=True)
class FractionalOrbit(Orbit):
    """Compares the answers to all uH·uW shifts of each image by multiples of 1/u pixel.

    What `Orbit` yields, on a grid that is u times finer; `map` is (u·H, u·W). The
    shift is the ideal one (`research.nn.signal.fractional_shift`). The closed form is
    taken where it is found to hold, by trials of each stage: an alias-free network
    commutes with fractions of a pixel, so that its shifts share all that it computes
    (period 1×1, where the readout does not depend on places either). Other networks
    share what comes before their first non-linear stage, and where whole pixels
    commute those behind it.

    Attributes:
      upsampling: u, from 2 to 4.
      method: see `Orbit`, and so the others.

    References:
      H. Michaeli, T. Michaeli, D. Soudry, Alias-Free Convnets, CVPR 2023,
      arXiv:2303.08085.
    """

    name: ClassVar[str] = "fractional_orbit"
    examples: Count | None = 100
    task: Task = CLASSIFICATION
    upsampling: Annotated[int, Range(2, FINEST)] = 2

    @property
    def fine(self) -> int:
        """Positions of the grid of shifts in a pixel."""
        return self.upsampling

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the measurements of `Orbit`, under its own name and grid."""
        for one in super().__call__(predict, split):
            params = {**one.params, "upsampling": self.upsampling}
            yield replace(one, protocol=self.name, params=params)
