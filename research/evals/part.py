"""The Picasso question: same parts, jumbled places."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from research.data.split import Split
from research.errors import UserError
from research.evals.engine.dense import require_one_answer
from research.evals.engine.predictor import Predictor
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.tasks import metrics
from research.types import Count

Pairs = Callable[[int], tuple[np.ndarray, np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Part(Evaluator):
    """Compares intact objects with the same ones whose parts are jumbled.

    The label, which parts there are, still holds when they are jumbled. High confidence
    there proves nothing by itself: see whether the network can tell the two at all
    (`data=faces_jumbled`).

    Yields `accuracy` and `confidence` (probability of the prediction) with `jumbled`
    false and true; `agreement` between the two, and `mac`.

    Attributes:
      pairs: `pairs(examples) → (intact, jumbled, labels)`, arrays of uint8 images. Of
        these, the pairs whose intact image is in the split are measured.
      examples: how many pairs at most.
      batch: examples a call.
    """

    name: ClassVar[str] = "part"
    pairs: Pairs
    examples: Count = 2000
    batch: Count = 512

    def check(self, predict: Callable[..., Any], split: Split) -> None:
        """Refuses answers at every pixel, and images without any of the objects."""
        require_one_answer(predict, split, self.name)
        if not self.choose(split)[0].size:
            raise UserError(
                f"eval=part: none of the {self.examples} objects with known parts is "
                "among the images; they are of data=faces split=test"
            )

    def choose(self, split: Split) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns the pairs whose intact image is in a split."""
        there = {image.tobytes() for image in split.images}
        intact, jumbled, labels = self.pairs(self.examples)
        kept = [image.tobytes() in there for image in intact]
        return intact[kept], jumbled[kept], labels[kept]

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the measurements, intact objects first."""
        predictor = Predictor.of(predict, batch=self.batch)
        intact, jumbled, labels = self.choose(split)
        logits = [predictor.logits(images) for images in (intact, jumbled)]
        for moved, one in zip((False, True), logits, strict=True):
            measures = {
                "accuracy": metrics.correct(one, labels),
                "confidence": metrics.confidence(one, metrics.predictions(one)),
            }
            for measure, values in measures.items():
                yield Measurement.of_examples(
                    "part", measure, values, params={"jumbled": moved}
                )
        yield Measurement.of_examples("part", "agreement", metrics.agreement(*logits))
        yield Measurement.of_examples("part", "mac", metrics.mac(logits[1], logits[0]))
