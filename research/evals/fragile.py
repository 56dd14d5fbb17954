"""The most fragile images: those that a shift by a single pixel flips."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from research.data.split import Split
from research.evals.engine.inside import require_one_answer
from research.evals.engine.predictor import Predictor
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.tasks.metrics import confidence, predictions
from research.transforms.shifts import circular
from research.types import Count

STEPS = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx]


@dataclass(frozen=True)
class Fragile(Evaluator):
    """Shifts every image by one pixel in each of the eight directions, circularly.

    Yields `agreement` with the unshifted prediction, mean of the eight; beside it, of
    k ≤ `keep` images, `images` (k, H, W, C), `index` in the split, `labels`, the
    `offsets` (k, 2) that cost most, the class predicted of the `unshifted` and of the
    `shifted` image, and each one's probability, `p_unshifted` and `p_shifted`. Then
    `worst_agreement`, 1 for images that keep their class under all eight.

    Attributes:
      keep: how many of the images that change class to keep at most, in order of how
        much probability their unshifted class loses.
      examples: how many of the split, from the first; None: all.
      batch: examples a call.
    """

    name: ClassVar[str] = "fragile"
    keep: Count = 16
    examples: Count | None = 2000
    batch: Count = 512

    def check(self, predict: Callable[..., Any], split: Split) -> None:
        """Refuses examples without labels, which images are shown with; label maps."""
        self.require_labels(split)
        require_one_answer(predict, split, self.name)

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the two measurements."""
        split = split.first(self.examples)
        images, predictor = split.images, Predictor.of(predict, batch=self.batch)
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
        same = predictions(moved) == predictions(still)[:, None]
        order, facts = rank(still, moved, self.keep)
        kept = {"images": images, "index": np.arange(len(split))}
        kept |= {"labels": split.labels} | facts
        yield Measurement.of_examples(
            "fragile",
            "agreement",
            same.mean(1),
            arrays={name: array[order] for name, array in kept.items()},
        )
        yield Measurement.of_examples("fragile", "worst_agreement", same.all(1))


def rank(
    still: Float[np.ndarray, "examples classes"],
    moved: Float[np.ndarray, "examples steps classes"],
    most: int,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Ranks images by how much probability a shift takes from their unshifted class.

    Args:
      still: (N, K) logits.
      moved: (N, 8, K) logits after each of the `STEPS`.
      most: how many to keep.

    Returns:
      The places of the images that change class, (k,), most fragile first; and of all N
      images the arrays that `Fragile` keeps of the shift that takes most.
    """
    top, tops = predictions(still), predictions(moved)
    same = tops == top[:, None]
    before = confidence(still, top)
    left = confidence(moved, np.broadcast_to(top[:, None], tops.shape))
    # Of the shifts that flip: how much probability the unshifted class loses.
    loss = np.where(same, -np.inf, before[:, None] - left)
    step, each = loss.argmax(1), np.arange(len(still))
    count = min(most, (~same).any(1).sum())
    order = np.argsort(-loss.max(1), kind="stable")[:count]
    facts = {
        "offsets": np.array(STEPS, np.int32)[step],
        "unshifted": top,
        "shifted": tops[each, step],
        "p_unshifted": before,
        "p_shifted": confidence(moved[each, step], tops[each, step]),
    }
    return order, facts
