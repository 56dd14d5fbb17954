"""Agreement under circular shifts by fractions of a pixel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np

from research.data.split import Split
from research.evals.engine.answers import compare_answers
from research.evals.engine.predictor import Predictor
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.nn.signal import fractional_shift
from research.tasks.classification import CLASSIFICATION
from research.tasks.task import Task
from research.types import Count, Length, Range, Seed

FINEST = 4
Upsampling = Annotated[int, Range(1, FINEST)]


@dataclass(frozen=True)
class Fractional(Evaluator):
    """Compares images shifted by i/u pixels with the images themselves.

    For each u every example draws one (i_y, i_x), uniform on [−m·u, m·u]². The shift is
    the ideal one, of the image as a periodic band-limited signal
    (`research.nn.signal.fractional_shift`): values may leave [0, 1] near edges. Of
    dense answers the same shift is undone in the maps of logits.

    Yields for every u `agreement`; of logits `mac` and `relative_logit_distance`; and
    `accuracy` where there are labels.

    Attributes:
      upsampling: each u, from 1 (whole pixels) to 4.
      max_shift: m, pixels.
      seed: of the draws.
      batch: examples a call.
      task: of the answers.

    References:
      H. Michaeli, T. Michaeli, D. Soudry, Alias-Free Convnets, CVPR 2023,
      arXiv:2303.08085.
    """

    name: ClassVar[str] = "fractional"
    labelled: ClassVar[tuple[str, ...]] = ("accuracy",)
    upsampling: Annotated[Sequence[Upsampling], Length()] = (2, 3, 4)
    max_shift: Count = 3
    seed: Seed = 0
    batch: Count = 512
    task: Task = CLASSIFICATION

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the measurements of each u."""
        predictor = Predictor.of(predict, batch=self.batch)
        still = predictor.outputs(split.images)
        for u in self.upsampling:
            offsets = draw_fractions(self.seed, len(split), u, self.max_shift)
            shifted = predictor.outputs(split.images, fractional_shift, offsets)
            yield from compare_answers(
                "fractional",
                self.task.undo(shifted, offsets),
                still,
                split,
                task=self.task,
                params={"upsampling": u, "max_shift": self.max_shift},
            )


def draw_fractions(seed: int, examples: int, u: int, max_shift: int) -> np.ndarray:
    """Draws (dy, dx) in multiples of 1/u, uniform on [−m, m]²; (examples, 2)."""
    reach = u * max_shift
    steps = np.random.default_rng([seed, u]).integers(-reach, reach + 1, (examples, 2))
    return (steps / u).astype(np.float32)
