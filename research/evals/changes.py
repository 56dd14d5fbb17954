"""Agreement under small changes other than shifts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from research.data.split import Split
from research.evals.engine.predictor import Perturb, Predictor
from research.evals.measurement import Measurement
from research.tasks import metrics
from research.transforms.scrambles import draw_seeds


@dataclass(frozen=True)
class Change:
    """A kind of change and the amounts of it to try.

    Attributes:
      perturb: `perturb(images, amounts, seeds)` of `research.transforms.distortions`.
      amounts: in the perturbation's unit.
    """

    perturb: Perturb
    amounts: Sequence[float | int]


def evaluate(
    predict: Callable[..., Any],
    split: Split,
    *,
    changes: Mapping[str, Change],
    examples: int | None = None,
    seed: int = 0,
    batch: int = 512,
) -> Iterator[Measurement]:
    """Compares the prediction on each changed image with that on the image itself.

    Args:
      predict: any `images → logits`.
      split: (N, H, W, C) images and their labels.
      changes: by name, which becomes the protocol.
      examples: how many of the split, from the first; None: all.
      seed: of noise and elastic warps; an example keeps its own at every amount.
      batch: examples a call.

    Yields:
      For every amount `agreement`, `mac`, `accuracy` and `relative_logit_distance`, and
      for every kind `worst_accuracy`: right at each of its amounts and unchanged.
    """
    split = split.first(examples, "eval.changes.examples")
    predictor = Predictor.of(predict, batch=batch)
    still = predictor.logits(split.images)
    seeds = draw_seeds(seed, len(split))
    for name, change in changes.items():
        worst = metrics.correct(still, split.labels)
        for amount in change.amounts:
            amounts = np.full(len(split), amount, np.float32)
            logits = predictor.logits(split.images, change.perturb, amounts, seeds)
            params = {"amount": amount}
            yield from compared(name, logits, still, split.labels, params)
            worst *= metrics.correct(logits, split.labels)
        yield Measurement.of_examples(
            name, "worst_accuracy", worst, params={"amounts": list(change.amounts)}
        )


def compared(
    protocol: str,
    changed: np.ndarray,
    still: np.ndarray,
    labels: np.ndarray,
    params: Mapping[str, Any],
) -> Iterator[Measurement]:
    """Yields what changed logits say against those of the unchanged images.

    Args:
      protocol: of the rows.
      changed: (N, K) logits.
      still: (N, K) logits.
      labels: (N,).
      params: of the rows.
    """
    top = {"predictions": metrics.predictions(changed)}
    measures = {
        "agreement": metrics.agreement(changed, still),
        "mac": metrics.mac(changed, still),
        "accuracy": metrics.correct(changed, labels),
        "relative_logit_distance": metrics.relative_logit_distance(changed, still),
    }
    for measure, examples in measures.items():
        arrays = top if measure == "agreement" else {}
        yield Measurement.of_examples(
            protocol,
            measure,
            examples,
            params=params,
            bounds=None if measure == "relative_logit_distance" else (0.0, 1.0),
            arrays=arrays,
        )
