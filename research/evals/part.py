"""The Picasso question: same parts, jumbled places."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from research.data.split import Split
from research.errors import UserError
from research.evals.engine.predictor import Predictor
from research.evals.measurement import Measurement
from research.tasks import metrics

Pairs = Callable[[int], tuple[np.ndarray, np.ndarray, np.ndarray]]


def evaluate(
    predict: Callable[..., Any],
    split: Split,
    *,
    pairs: Pairs,
    examples: int = 2000,
    batch: int = 512,
) -> Iterator[Measurement]:
    """Compares intact objects with the same ones whose parts are jumbled.

    The label, which parts there are, still holds when they are jumbled. High confidence
    there proves nothing by itself: see whether the network can tell the two at all
    (`data=faces_jumbled`).

    Args:
      predict: any `images → logits`, of who it is.
      split: where the intact objects come from.
      pairs: `pairs(examples) → (intact, jumbled, labels)`, arrays of uint8 images.
      examples: how many pairs.
      batch: examples a call.

    Yields:
      `accuracy` and `confidence` (probability of the prediction) with `jumbled` false
      and true; `agreement` between the two, and `mac`.

    Raises:
      UserError: the first intact object is not in the split.
    """
    known = pairs(1)[0][0].tobytes()
    if not any(image.tobytes() == known for image in split.images):
        raise UserError(
            "eval=part: the first object with known parts is not among the images; it "
            "is of data=faces split=test"
        )
    predictor = Predictor.of(predict, batch=batch)

    def measured() -> Iterator[Measurement]:
        intact, jumbled, labels = pairs(examples)
        logits = [predictor.logits(images) for images in (intact, jumbled)]
        for moved, one in zip((False, True), logits, strict=True):
            top = metrics.predictions(one)
            measures = {
                "accuracy": metrics.correct(one, labels),
                "confidence": metrics.confidence(one, top),
            }
            for measure, values in measures.items():
                yield Measurement.of_examples(
                    "part", measure, values, params={"jumbled": moved}
                )
        yield Measurement.of_examples("part", "agreement", metrics.agreement(*logits))
        yield Measurement.of_examples("part", "mac", metrics.mac(logits[1], logits[0]))

    return measured()
