"""The adversarial grid: is the network right at every shift of an image?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np

from research.data.split import Split
from research.evals.engine.answers import agree, score
from research.evals.engine.grids import Found, Grid, fractions, summarize_grid, whole
from research.evals.engine.predictor import Perturb, Predictor
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.nn.signal import fractional_shift
from research.tasks.classification import CLASSIFICATION
from research.tasks.task import Outputs, Task
from research.types import Bits, Count, Natural, Range


@dataclass(frozen=True)
class Worst(Evaluator):
    """Tries every integer shift (dy, dx) in [−m, m]²: (2m + 1)² − 1 passes a border.

    Yields `worst_agreement` (the unshifted answer at every shift: the least agreement);
    and where there are labels `worst_accuracy` (right at every shift) and `accuracy`,
    the mean over all shifts. The means over examples at each (dy, dx), `map` (2m + 1,
    2m + 1), are kept beside the worst.

    Of the same passes, with the parameter `grid`: `neighbours`, the worst of the 8
    shifts by one pixel; `crop`, the published crops around the centre. And with
    `upsampling`, ideal circular shifts by fractions of a pixel: 13 passes for u = 3 and
    4, the shifts as `offsets` beside their `map`. See `research.evals.engine.grids`.

    Attributes:
      shifts: by border, `perturb(images, offsets)`: of `research.transforms.shifts`.
      max_shift: m, pixels.
      upsampling: each u of the fractions i/u; none: no such shifts.
      batch: examples a call.
      task: of the answers.
    """

    name: ClassVar[str] = "worst"
    labelled: ClassVar[tuple[str, ...]] = ("accuracy", "worst_accuracy")
    shifts: Mapping[str, Perturb]
    max_shift: Natural = 3
    upsampling: Sequence[Annotated[int, Range(2), Bits(31)]] = (3, 4)
    batch: Count = 512
    task: Task = CLASSIFICATION

    def check(self, predict: Callable[..., Any], split: Split) -> None:
        """Refuses shifts as large as the images."""
        m = self.max_shift
        self.require_room("max_shift", m, (m, m), split)

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the measurements of each border, then of fractions."""
        predictor = Predictor.of(predict, batch=self.batch)
        still = predictor.outputs(split.images)
        grids = [whole(s, border, self.max_shift) for border, s in self.shifts.items()]
        if self.upsampling:
            grids.append(fractions(fractional_shift, self.upsampling))
        for grid in grids:
            agreement, scores = self.ask(predictor, split, grid, still)
            yield from summarize_grid("worst", agreement, scores, grid)

    def ask(
        self, predictor: Predictor, split: Split, grid: Grid, still: Outputs
    ) -> tuple[Found, Found]:
        """Returns the agreement, and the scores, of every example at every shift."""
        shape = (*grid.offsets.shape[:-1], len(split))
        agreement = {"agreement": np.empty(shape, np.float32)}
        scores: Found = {}
        for place, offset in grid:
            answers = still
            if offset.any():
                offsets = np.tile(offset, (len(split), 1))
                moved = predictor.outputs(split.images, grid.perturb, offsets)
                answers = self.task.undo(moved, offsets)
            agreement["agreement"][place] = agree(self.task, answers, still)
            for measure, each in score(self.task, answers, split.arrays).items():
                found = scores.setdefault(measure, np.empty(shape, np.float32))
                found[place] = each
        return agreement, scores
