"""How often the network is right, and how surprised it is by the labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from research.data.split import Split
from research.evals.engine.predictor import Predictor
from research.evals.measurement import Measurement
from research.tasks.metrics import confidence, correct, cross_entropy, predictions


def evaluate(
    predict: Callable[..., Any], split: Split, *, batch: int = 512
) -> Iterator[Measurement]:
    """Yields `accuracy`, and `loss`: the cross-entropy in nats.

    Beside the accuracy stand the predictions and the probability of each.

    Args:
      predict: any `images → logits`.
      split: (N, H, W, C) images and their labels.
      batch: examples a call.
    """
    logits = Predictor.of(predict, batch=batch).logits(split.images)
    top = predictions(logits)
    yield Measurement.of_examples(
        "accuracy",
        "accuracy",
        correct(logits, split.labels),
        arrays={"predictions": top, "confidence": confidence(logits, top)},
    )
    yield Measurement.of_examples(
        "accuracy", "loss", cross_entropy(logits, split.labels), bounds=None
    )
