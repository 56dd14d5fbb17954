"""The adversarial grid: is the network right at every shift of an image?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from research.data.split import Split
from research.evals.engine.answers import agree, score
from research.evals.engine.predictor import Perturb, Predictor
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.tasks.classification import CLASSIFICATION
from research.tasks.task import Outputs, Task
from research.types import Count, Natural

Grid = dict[str, np.ndarray]  # by measure, (2m + 1, 2m + 1, N)


@dataclass(frozen=True)
class Worst(Evaluator):
    """Tries every integer shift (dy, dx) in [−m, m]², (2m + 1)² passes.

    Yields per border `worst_agreement` (the unshifted answer at every shift: the least
    agreement); and where there are labels `worst_accuracy` (right at every shift) and
    `accuracy`, the mean over all shifts. The means over examples at each (dy, dx),
    `map` (2m + 1, 2m + 1), are kept beside the worst.

    Attributes:
      shifts: by border, `perturb(images, offsets)`: of `research.transforms.shifts`.
      max_shift: m, pixels.
      batch: examples a call.
      task: of the answers.
    """

    name: ClassVar[str] = "worst"
    shifts: Mapping[str, Perturb]
    max_shift: Natural = 3
    batch: Count = 512
    task: Task = CLASSIFICATION

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_at_least(0, max_shift=self.max_shift)
        self.require_at_least(1, batch=self.batch)

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the measurements of each border."""
        predictor = Predictor.of(predict, batch=self.batch)
        still = predictor.outputs(split.images)
        for border, shift in self.shifts.items():
            agreement, scores = self.grids(predictor, split, shift, still)
            params = {"border": border, "max_shift": self.max_shift}
            row = partial(Measurement.of_examples, "worst", params=params)
            for measure, grid in (scores | agreement).items():
                arrays = {"map": grid.mean(-1, dtype=np.float64)}
                least = grid.min((0, 1)).astype(np.float64)
                yield row(f"worst_{measure}", least, arrays=arrays)
            for measure, grid in scores.items():
                yield row(measure, grid.mean((0, 1), dtype=np.float64))

    def grids(
        self, predictor: Predictor, split: Split, shift: Perturb, still: Outputs
    ) -> tuple[Grid, Grid]:
        """Returns the agreement, and the scores, of every example at every shift."""
        side = 2 * self.max_shift + 1
        shape = (side, side, len(split))
        agreement = {"agreement": np.empty(shape, np.float32)}
        scores: Grid = {}
        for place in np.ndindex(side, side):
            offset = np.array(place, np.int32) - self.max_shift
            offsets = np.tile(offset, (len(split), 1))
            moved = predictor.outputs(split.images, shift, offsets)
            answers = self.task.undo(moved, offsets)
            agreement["agreement"][place] = agree(self.task, answers, still)
            for measure, each in score(self.task, answers, split.arrays).items():
                grid = scores.setdefault(measure, np.empty(shape, np.float32))
                grid[place] = each
        return agreement, scores
