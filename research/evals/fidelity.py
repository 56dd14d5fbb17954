"""Shift fidelity: two shifted views of an image agree, and are right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from research.data.split import Split
from research.evals.engine.dense import require_one_answer
from research.evals.engine.predictor import Predictor
from research.evals.engine.views import make_draw
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.tasks import metrics
from research.transforms.shifts import circular, zero
from research.types import Count, Natural

SHIFTS = {"circular": circular, "zero": zero}


@dataclass(frozen=True)
class Fidelity(Evaluator):
    """Draws two shifts a and b of each image, and asks for more than agreement.

    For each border (`circular`, `zero`) it yields, over examples with label y and
    prediction f:

    - `consistency`, f(T_a x) = f(T_b x);
    - `fidelity`, f(T_a x) = f(T_b x) = y, which a constant answer does not reach;
    - `stability`, f(x) = f(T_a x) = f(T_b x), what the published code measures;
    - `accuracy`, f(T_a x) = y.

    Without labels there are `consistency` and `stability`. The offsets of both views
    are kept beside the fidelity.

    Attributes:
      max_shift: m: offsets are uniform on [−m, m]², both ends inclusive. An axis of one
        pixel is not shifted.
      examples: how many of the split, from the first; None: all.
      seed: of the offsets: they are the same for every classifier.
      batch: examples a call.

    References:
      S. Saha, T. Gokhale, WACV 2025, arXiv:2404.07410.
    """

    name: ClassVar[str] = "fidelity"
    labelled: ClassVar[tuple[str, ...]] = ("accuracy", "fidelity")
    max_shift: Count = 3
    examples: Count | None = None
    seed: Natural = 0
    batch: Count = 512

    def check(self, predict: Callable[..., Any], split: Split) -> None:
        """Refuses answers at every pixel, and shifts as large as the images."""
        require_one_answer(predict, split, self.name)
        m = self.max_shift
        self.require_room("max_shift", m, (m, m), split)

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the measurements of each border."""
        split = split.first(self.examples)
        images, m = split.images, self.max_shift
        predictor = Predictor.of(predict, batch=self.batch)
        still = metrics.predictions(predictor.logits(images))
        for border, shift in SHIFTS.items():
            draw = make_draw(self.seed, len(split), size=images.shape[1:3])
            offsets = [draw(-m, m) for _ in range(2)]
            first, second = (
                metrics.predictions(predictor.logits(images, shift, one))
                for one in offsets
            )
            params = {"border": border, "max_shift": m}
            row = partial(Measurement.of_examples, "fidelity", params=params)
            agree = first == second
            kept = {
                "offsets": np.stack(offsets, 1),
                "predictions": np.stack([first, second], 1),
            }
            yield row("consistency", agree.astype(np.float64))
            stable = row("stability", (agree & (first == still)).astype(np.float64))
            if "label" not in split.arrays:
                yield stable
                continue
            right = first == split.labels
            yield row("fidelity", (agree & right).astype(np.float64), arrays=kept)
            yield stable
            yield row("accuracy", right.astype(np.float64))
