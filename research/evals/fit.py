"""Overfitting: how much better a network is on its training data than on others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from research.data.source import Dataset
from research.data.split import Split
from research.evals.engine.dense import require_one_answer
from research.evals.engine.predictor import Predictor
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.tasks import metrics
from research.types import Count


@dataclass(frozen=True)
class Fit(Evaluator):
    """Yields accuracy and loss on training data and on the split, and their gap.

    Both in inference mode and after the last step, unlike the rows of training, which
    are means over an epoch. With the parameter `on`, `train` or `split`: `accuracy` and
    `loss`, the cross-entropy in nats; then `gap`, training accuracy less that on the
    split.

    Attributes:
      data: the data set whose `train` it was trained on.
      examples: how many of `train`, from the first; None: all.
      batch: examples a call.
    """

    name: ClassVar[str] = "fit"
    labelled: ClassVar[tuple[str, ...]] = ("accuracy", "gap", "loss")
    data: Dataset
    examples: Count | None = 2000
    batch: Count = 512

    def check(self, predict: Callable[..., Any], split: Split) -> None:
        """Refuses answers at every pixel, streamed images, and missing labels."""
        require_one_answer(predict, split, self.name)
        train = self.data.split("train").first(self.examples, "eval.fit.examples")
        for part in (train, split):
            self.require_labels(part)

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the measurements, training data first."""
        predictor = Predictor.of(predict, batch=self.batch)
        train = self.data.split("train").first(self.examples)
        means = []
        for on, part in (("train", train), ("split", split)):
            logits = predictor.logits(part.images)
            right = metrics.correct(logits, part.labels)
            loss = metrics.cross_entropy(logits, part.labels)
            params = {"on": on}
            yield Measurement.of_examples("fit", "accuracy", right, params=params)
            yield Measurement.of_examples(
                "fit", "loss", loss, params=params, bounds=None
            )
            means.append(float(right.mean()))
        yield Measurement("fit", "gap", means[0] - means[1], len(split))
