"""Overfitting: how much better a network is on its training data than on others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from research.data.source import Dataset
from research.data.split import Split
from research.evals.engine.predictor import Predictor
from research.evals.measurement import Measurement
from research.tasks import metrics


def evaluate(
    predict: Callable[..., Any],
    split: Split,
    *,
    data: Dataset,
    examples: int | None = 2000,
    batch: int = 512,
) -> Iterator[Measurement]:
    """Yields accuracy and loss on training data and on the split, and their gap.

    Both in inference mode and after the last step, unlike the rows of training, which
    are means over an epoch.

    Args:
      predict: any `images → logits`.
      split: (N, H, W, C) images and their labels, not trained on.
      data: the data set whose `train` it was trained on.
      examples: how many of `train`, from the first; None: all.
      batch: examples a call.

    Raises:
      UserError: the training images are streamed.

    Yields:
      With the parameter `on`, `train` or `split`: `accuracy` and `loss`, the
      cross-entropy in nats; then `gap`, training accuracy less that on the split.
    """
    predictor = Predictor.of(predict, batch=batch)
    parts = {
        "train": data.split("train").first(examples, "eval.fit.examples"),
        "split": split,
    }

    def measured() -> Iterator[Measurement]:
        means = []
        for on, part in parts.items():
            logits = predictor.logits(part.images)
            right = metrics.correct(logits, part.labels)
            params = {"on": on}
            yield Measurement.of_examples("fit", "accuracy", right, params=params)
            loss = metrics.cross_entropy(logits, part.labels)
            yield Measurement.of_examples(
                "fit", "loss", loss, params=params, bounds=None
            )
            means.append(float(right.mean()))
        yield Measurement("fit", "gap", means[0] - means[1], len(split))

    return measured()
