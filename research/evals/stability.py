"""How often small shifts change the answer, counted image by image and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, ClassVar

import jax
import numpy as np
from jaxtyping import Int, UInt8

from research.data.split import Split
from research.evals.engine.dense import require_one_answer
from research.evals.engine.predictor import Predictor
from research.evals.engine.windows import Canvases
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.tasks import metrics
from research.transforms.shifts import (
    Draws,
    along,
    circular,
    draw_ring,
    shortest,
    zero,
)
from research.types import Bits, Count, Range, Seed

BORDERS = {"circular": circular, "zero": zero}
Flips = UInt8[np.ndarray, "examples distances"]
Classes = Int[np.ndarray, " examples"]


@dataclass(frozen=True)
class Stability(Evaluator):
    """Draws shifts at every distance, and counts those that change the prediction.

    An image is compared with `draws` views of it at each distance d = 1 … m, max(|dy|,
    |dx|) = d, every one drawn for it alone. With the parameter `shift`:

    - `window`, of data that keep the canvas of each image (`data=scenes`,
      `data=photos`): another window of the canvas, into which real content comes, as of
      a camera that moves;
    - `circular` and `zero`: the other side, or zeros, come in.

    Yields `flip_rate`, the share of all m·draws views that change the top-1 class, and
    that of each `distance`; and where there are labels `flip_rate_where_right`, of the
    images that are classified correctly. Kept beside the first are `predictions`, the
    top-1 of each image, `labels` where there are any, and `flips` (N, m), how many of
    the draws at each distance changed the prediction: from these of two networks the
    ratio of their flip rates on the images that both classify correctly is computed
    (`research.stats.count_matched_flips`).

    Attributes:
      max_shift: m, pixels; windows must lie on the canvas.
      draws: views of each image and distance.
      examples: how many of the split, from the first; None: all.
      seed: of the shifts: they are the same for every classifier.
      batch: examples a call.
    """

    name: ClassVar[str] = "stability"
    labelled: ClassVar[tuple[str, ...]] = ("flip_rate_where_right",)
    max_shift: Count = 4
    draws: Annotated[int, Range(1, 255), Bits(31)] = 2
    examples: Count | None = None
    seed: Seed = 0
    batch: Count = 512

    def check(self, predict: Callable[..., Any], split: Split) -> None:
        """Refuses answers at every pixel, and shifts beyond images or canvases."""
        require_one_answer(predict, split, self.name)
        height, width = split.images.shape[1:3]
        most, of = shortest((height, width)) - 1, f"images of {height}×{width}"
        if "canvas" in split.arrays:
            reach = Canvases.of_scenes(split.first(self.examples)).reach
            if reach < most:
                most, of = reach, "these windows of their canvases"
        if self.max_shift > most:
            raise self.refusal("max_shift", self.max_shift, f"1 to {most} for {of}")

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the measurements of each kind of shift."""
        split = split.first(self.examples)
        predictor = Predictor.of(predict, batch=self.batch)
        still = metrics.predictions(predictor.logits(split.images))
        for kind, shift in self.views(predictor, split).items():
            flips = self.count(shift, still, split.images.shape[1:3])
            yield from self.describe(kind, flips, still, split)

    def views(
        self, predictor: Predictor, split: Split
    ) -> dict[str, Callable[[Draws], Classes]]:
        """Returns by kind what the classifier says of shifts by given offsets."""

        def say(images: np.ndarray, perturb: Any, offsets: np.ndarray) -> Classes:
            return metrics.predictions(predictor.logits(images, perturb, offsets))

        found: dict[str, Callable[[Draws], Classes]] = {
            name: partial(say, split.images, perturb)
            for name, perturb in BORDERS.items()
        }
        if "canvas" not in split.arrays:
            return found
        canvases = Canvases.of_scenes(split)
        cut = partial(say, canvases.split.images, canvases.crop)
        # A window goes the other way than its content.
        return {"window": lambda offsets: cut(canvases.corners - offsets), **found}

    def count(
        self,
        shift: Callable[[Draws], Classes],
        still: Classes,
        size: tuple[int, int],
    ) -> Flips:
        """Returns how many of the draws at each distance change each prediction."""
        flips = np.zeros((len(still), self.max_shift), np.uint8)
        for key in jax.random.split(jax.random.key(self.seed), self.draws):
            for index in range(self.max_shift):
                own = jax.random.fold_in(key, index)
                ring = draw_ring(own, len(still), index + 1)
                offsets = along(ring, size).astype(np.int32)
                flips[:, index] += shift(offsets) != still
        return flips

    def describe(
        self, kind: str, flips: Flips, still: Classes, split: Split
    ) -> Iterator[Measurement]:
        """Yields the rates of one kind of shift."""
        params = {"shift": kind, "max_shift": self.max_shift, "draws": self.draws}
        row = partial(Measurement.of_examples, "stability")
        rates = flips / self.draws
        kept = {"predictions": shrink(still), "flips": flips}
        if "label" in split.arrays:
            kept["labels"] = shrink(split.labels)
        every = row("flip_rate", rates.mean(1), params=params)
        yield replace(every, arrays=kept)
        if "label" in split.arrays:
            right = rates[still == split.labels].mean(1)
            yield thin(row("flip_rate_where_right", right, params=params))
        for index in range(self.max_shift):
            own = {"shift": kind, "distance": index + 1, "draws": self.draws}
            yield thin(row("flip_rate", rates[:, index], params=own))


def thin(measurement: Measurement) -> Measurement:
    """Returns a measurement without the value of each example, which `flips` has."""
    return replace(measurement, arrays={})


def shrink(classes: Classes) -> np.ndarray:
    """Returns classes in one byte each if they fit."""
    return classes.astype(np.uint8) if classes.max(initial=0) < 256 else classes
