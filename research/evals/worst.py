"""The adversarial grid: is the network right wherever the image may stand?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from research.data.split import Split
from research.errors import UserError
from research.evals.engine.predictor import Perturb, Predictor
from research.evals.measurement import Measurement
from research.tasks import metrics


def evaluate(
    predict: Callable[..., Any],
    split: Split,
    *,
    shifts: dict[str, Perturb],
    max_shift: int = 3,
    batch: int = 512,
) -> Iterator[Measurement]:
    """Tries every integer shift (dy, dx) in [−m, m]², (2m + 1)² passes.

    Args:
      predict: any `images → logits`.
      split: (N, H, W, C) images and their labels.
      shifts: by border, `perturb(images, offsets)`: of `research.transforms.shifts`.
      max_shift: m, pixels.
      batch: examples a call.

    Yields:
      Per border `worst_accuracy` (right at every shift), `worst_agreement` (the
      unshifted prediction at every shift) and `accuracy`, the mean over all shifts.
      Beside the first two stand their means over examples at each (dy, dx), `map`
      (2m + 1, 2m + 1).

    Raises:
      UserError: `max_shift` is negative.
    """
    if max_shift < 0:
        raise UserError(f"eval.worst.max_shift={max_shift}: takes 0 or more pixels")
    predictor = Predictor.of(predict, batch=batch)

    def measured() -> Iterator[Measurement]:
        still = metrics.predictions(predictor.logits(split.images))
        side = 2 * max_shift + 1
        for border, shift in shifts.items():
            predicted = np.empty((side, side, len(split)), np.int32)
            for place in np.ndindex(side, side):
                offset = np.array(place, np.int32) - max_shift
                offsets = np.tile(offset, (len(split), 1))
                logits = predictor.logits(split.images, shift, offsets)
                predicted[place] = metrics.predictions(logits)
            right, same = predicted == split.labels, predicted == still
            params = {"border": border, "max_shift": max_shift}
            measures = {
                "worst_accuracy": (right.all((0, 1)), {"map": right.mean(-1)}),
                "worst_agreement": (same.all((0, 1)), {"map": same.mean(-1)}),
                "accuracy": (right.mean((0, 1)), {}),
            }
            for measure, (examples, arrays) in measures.items():
                yield Measurement.of_examples(
                    "worst",
                    measure,
                    examples.astype(np.float64),
                    params=params,
                    arrays=arrays,
                )

    return measured()
