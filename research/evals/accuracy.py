"""How often the network is right, and how surprised it is by the labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from research.data.split import Split
from research.evals.engine.dense import require_one_answer
from research.evals.engine.predictor import Predictor
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.tasks.metrics import confidence, correct, cross_entropy, predictions
from research.types import Count


@dataclass(frozen=True)
class Accuracy(Evaluator):
    """Yields `accuracy`, and `loss`: the cross-entropy in nats.

    The predictions and the probability of each are kept beside the accuracy. It takes
    any `images → logits`, and labels.

    Attributes:
      batch: examples a call.
    """

    name: ClassVar[str] = "accuracy"
    labelled: ClassVar[tuple[str, ...]] = ("accuracy", "loss")
    batch: Count = 512

    def check(self, predict: Callable[..., Any], split: Split) -> None:
        """Refuses answers at every pixel, and examples without labels."""
        require_one_answer(predict, split, self.name)
        self.require_labels(split)

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the two measurements."""
        logits = Predictor.of(predict, batch=self.batch).logits(split.images)
        top = predictions(logits)
        yield Measurement.of_examples(
            "accuracy",
            "accuracy",
            correct(logits, split.labels),
            arrays={"predictions": top, "confidence": confidence(logits, top)},
        )
        loss = cross_entropy(logits, split.labels)
        yield Measurement.of_examples("accuracy", "loss", loss, bounds=None)
