"""Accuracy of the mean of several views of each image: test-time augmentation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from research.data.split import Split
from research.evals.accuracy import Accuracy
from research.evals.engine.predictor import Predictor
from research.evals.measurement import Measurement
from research.tasks.metrics import correct, predictions
from research.types import Images


@dataclass(frozen=True)
class View:
    """An image moved by one pixel or not at all, and mirrored or not.

    Attributes:
      move: pixels, −1, 0 or 1, down and to the right: the image's border is
        reflected.
      mirror: whether left and right are exchanged after that.
    """

    move: int
    mirror: bool

    def __call__(self, images: Images) -> Images:
        """Returns the view of each image."""
        height, width = images.shape[1:3]
        padded = jnp.pad(images, [(0, 0), (1, 1), (1, 1), (0, 0)], "reflect")
        start = 1 - self.move
        seen = padded[:, start : start + height, start : start + width]
        return seen[:, :, ::-1] if self.mirror else seen


# The image as it is and mirrored count as much as the four that are moved.
WEIGHTS = {
    View(move, mirror): 1 / 8 if move else 1 / 4
    for move in (0, -1, 1)
    for mirror in (False, True)
}


@dataclass(frozen=True)
class Tta(Accuracy):
    """Yields the `accuracy` of the weighted mean of the logits of six views.

    It averages over small shifts: compare the stability of networks without it. It
    takes any `images → logits`, and labels.

    References:
      K. Jordan, 94% on CIFAR-10 in 3.29 Seconds on a Single GPU, 2024,
      arXiv:2404.00498, section 3.6 (its level 2).
    """

    name: ClassVar[str] = "tta"
    labelled: ClassVar[tuple[str, ...]] = ("accuracy",)

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the one measurement."""
        predictor = Predictor.of(predict, batch=self.batch)
        views = [predictor.logits(split.images, view) for view in WEIGHTS]
        logits = np.average(views, axis=0, weights=list(WEIGHTS.values()))
        yield Measurement.of_examples(
            "tta",
            "accuracy",
            correct(logits, split.labels),
            arrays={"predictions": predictions(logits)},
        )
