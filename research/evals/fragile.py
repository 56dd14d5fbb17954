"""The most fragile images: those that a shift by a single pixel flips."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from research.data.split import Split
from research.evals.engine.predictor import Predictor
from research.evals.measurement import Measurement
from research.tasks.metrics import confidence, predictions
from research.transforms.shifts import circular

STEPS = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx]


def evaluate(
    predict: Callable[..., Any],
    split: Split,
    *,
    keep: int = 16,
    examples: int | None = 2000,
    batch: int = 512,
) -> Iterator[Measurement]:
    """Shifts every image by one pixel in each of the eight directions, circularly.

    Args:
      predict: any `images → logits`.
      split: (N, H, W, C) images and their labels.
      keep: at most so many of the images that change class, those first that lose most
        of the probability of their unshifted class.
      examples: how many of the split, from the first; None: all.
      batch: examples a call.

    Yields:
      `agreement` with the unshifted prediction, mean of the eight; beside it, of k ≤
      `keep` images, `images` (k, H, W, C), `index` in the split, `labels`, the
      `offsets` (k, 2) that take most, the class predicted of the `unshifted` and of the
      `shifted` image, and each one's probability, `p_unshifted` and `p_shifted`. Then
      `worst_agreement`, 1 for images that keep their class under all eight.
    """
    split = split.first(examples, "eval.fragile.examples")
    images, labels = split.images, split.labels
    predictor = Predictor.of(predict, batch=batch)

    def measured() -> Iterator[Measurement]:
        still = predictor.logits(images)
        moved = np.stack(
            [
                predictor.logits(
                    images, circular, np.tile(np.array(d, np.int32), (len(images), 1))
                )
                for d in STEPS
            ],
            1,
        )
        top, tops = predictions(still), predictions(moved)
        same = tops == top[:, None]
        before = confidence(still, top)
        left = confidence(moved, np.broadcast_to(top[:, None], tops.shape))
        # Of the shifts that flip: how much probability the unshifted class loses.
        loss = np.where(same, -np.inf, before[:, None] - left)
        step = loss.argmax(1)
        order = np.argsort(-loss.max(1), kind="stable")[
            : min(keep, (~same).any(1).sum())
        ]
        each = np.arange(len(images))
        kept = {
            "images": images,
            "index": each,
            "labels": labels,
            "offsets": np.array(STEPS, np.int32)[step],
            "unshifted": top,
            "shifted": tops[each, step],
            "p_unshifted": before,
            "p_shifted": confidence(moved[each, step], tops[each, step]),
        }
        yield Measurement.of_examples(
            "fragile",
            "agreement",
            same.mean(1),
            arrays={name: array[order] for name, array in kept.items()},
        )
        yield Measurement.of_examples("fragile", "worst_agreement", same.all(1))

    return measured()
