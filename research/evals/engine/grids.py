"""Grids of shifts: sets of offsets that every image is moved by, and parts of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from research.evals.engine.predictor import Perturb
from research.evals.measurement import Measurement

Mask = np.ndarray  # bool, of the grid's shape
Found = dict[str, np.ndarray]  # by measure, (…, N): of the grid's shape


@dataclass(frozen=True, eq=False)
class Grid:
    """Shifts of one kind.

    Attributes:
      perturb: `perturb(images, offsets)`, of `research.transforms.shifts`.
      offsets: (…, 2), (dy, dx) in pixels, whole or fractions.
      params: of the rows.
      parts: further rows of some of the shifts: by name, which.
    """

    perturb: Perturb
    offsets: np.ndarray
    params: Mapping[str, Any]
    parts: Mapping[str, Mask] = field(default_factory=dict)

    def __iter__(self) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
        """Yields the place of each shift in the grid, and the shift (2,)."""
        for place in np.ndindex(*self.offsets.shape[:-1]):
            yield place, self.offsets[place]


def whole(perturb: Perturb, border: str, max_shift: int) -> Grid:
    """Returns all integer shifts in [−m, m]², and two parts of them.

    `neighbours` are the 8 around the image. `crop` are the (2m)² crops at (1 … 2m)²
    around the centre m of a canvas that is 2m larger: shifts in [−m, m − 1]². What
    enters is what the border says; crops of images that are larger than the network's
    window are `eval=window`.

    References:
      H. Michaeli, T. Michaeli, D. Soudry, CVPR 2023, arXiv:2303.08085 (crop);
      O. Shifman, Y. Weiss, ECCV 2024, arXiv:2404.07153 (neighbours).
    """
    side = 2 * max_shift + 1
    offsets = np.indices((side, side), np.int32).transpose(1, 2, 0) - max_shift
    distance = np.abs(offsets).max(-1)
    parts = {"neighbours": distance == 1, "crop": (offsets < max_shift).all(-1)}
    params = {"border": border, "max_shift": max_shift}
    return Grid(perturb, offsets, params, parts if max_shift else {})


def fractions(perturb: Perturb, upsampling: Sequence[int]) -> Grid:
    """Returns no shift, and those by (−i/u, −j/u) with i, j in 1 … u − 1, for each u.

    With u = 3 and 4 these are the 1 + 4 + 9 of the publication, in which content moves
    up and left; shifts along one axis alone are none of them.

    References:
      H. Michaeli, T. Michaeli, D. Soudry, CVPR 2023, arXiv:2303.08085.
    """
    steps = [
        (-i / u, -j / u) for u in upsampling for i in range(1, u) for j in range(1, u)
    ]
    params = {"border": "circular", "upsampling": list(upsampling)}
    return Grid(perturb, np.array([(0, 0), *steps], np.float32), params)


def summarize_grid(
    protocol: str, agreement: Found, scores: Found, grid: Grid, *, method: str = ""
) -> Iterator[Measurement]:
    """Yields the worst over a grid and its parts, and the mean of scores over the grid.

    Args:
      protocol: of the rows.
      agreement: of every example with its unshifted answer, at every shift.
      scores: of every example at every shift.
      grid: the shifts.
      method: of the rows.
    """
    row = partial(Measurement.of_examples, protocol, method=method)
    axes = tuple(range(grid.offsets.ndim - 1))
    for measure, found in (scores | agreement).items():
        arrays = {"map": found.mean(-1, dtype=np.float64), "offsets": grid.offsets}
        least = found.min(axes).astype(np.float64)
        yield row(f"worst_{measure}", least, params=grid.params, arrays=arrays)
    for measure, found in scores.items():
        yield row(measure, found.mean(axes, dtype=np.float64), params=grid.params)
    for part, mask in grid.parts.items():
        params = {**grid.params, "grid": part}
        for measure, found in (scores | agreement).items():
            least = found[mask].min(0).astype(np.float64)
            yield row(f"worst_{measure}", least, params=params)
