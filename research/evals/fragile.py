"""The most fragile images: those that a move by a single pixel flips."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar

import numpy as np
from jaxtyping import Float

from research.data.split import Split
from research.evals.engine.dense import require_one_answer
from research.evals.engine.predictor import Predictor, prepare
from research.evals.engine.windows import Canvases
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.tasks.metrics import confidence, predictions
from research.transforms.shifts import circular
from research.types import Count, OneOf

STEPS = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx]


@dataclass(frozen=True)
class Fragile(Evaluator):
    """Shifts every image by one pixel in each of the eight directions.

    Yields `agreement` with the unshifted prediction, mean of the eight; beside it, of
    k ≤ `keep` images, `images` (k, H, W, C), `index` in the split, `labels` if there
    are any, the `offsets` (k, 2) that cost most, the class predicted of the `unshifted`
    and of the `shifted` image, and each one's probability, `p_unshifted` and
    `p_shifted`. If the model's classes have names, `unshifted_name` and `shifted_name`
    are there, too; and of windows the shifted images, `moved` (k, H, W, C). Then
    `worst_agreement`, 1 for images that keep their class under all eight.

    Attributes:
      border: `circular`; or `window`: real content comes in, of data that keep the
        canvas of each image (`data=photos`, `data=scenes`).
      keep: how many of the images that change class to keep at most, in order of how
        much probability their unshifted class loses.
      examples: how many of the split, from the first; None: all.
      batch: examples a call.
    """

    name: ClassVar[str] = "fragile"
    border: Annotated[str, OneOf(("circular", "window"))] = "circular"
    keep: Count = 16
    examples: Count | None = 2000
    batch: Count = 512

    def check(self, predict: Callable[..., Any], split: Split) -> None:
        """Refuses answers at every pixel, and windows that do not move."""
        require_one_answer(predict, split, self.name)
        if self.border == "window":
            there = "canvas" in split.arrays
            if not there or Canvases.of_scenes(split.first(self.examples)).reach < 1:
                raise self.refusal(
                    "border",
                    self.border,
                    "data with a pixel or more around what is seen, such as "
                    "data=photos data.central=0.875, or circular",
                )

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the two measurements."""
        split = split.first(self.examples)
        predictor = Predictor.of(predict, batch=self.batch)
        views = self.views(split)
        still = predictor.logits(*views((0, 0)))
        moved = np.stack([predictor.logits(*views(step)) for step in STEPS], 1)
        same = predictions(moved) == predictions(still)[:, None]
        order, facts = rank(still, moved, self.keep)
        kept = {"images": split.images, "index": np.arange(len(split))} | facts
        if "label" in split.arrays:
            kept["labels"] = split.labels
        if (names := getattr(predict, "names", None)) is not None:
            for which in ("unshifted", "shifted"):
                kept[f"{which}_name"] = np.array(names)[facts[which]]
        kept = {name: array[order] for name, array in kept.items()}
        method, params = "", {}
        if self.border == "window":
            canvases = Canvases.of_scenes(split)
            corners = canvases.corners[order] - kept["offsets"]
            kept["moved"] = to_bytes(
                prepare(canvases.crop, canvases.split.images[order], corners)
            )
            method, params = canvases.method, {"border": "window"}
        row = partial(Measurement.of_examples, "fragile", params=params, method=method)
        yield row("agreement", same.mean(1), arrays=kept)
        yield row("worst_agreement", same.all(1))

    def views(self, split: Split) -> Callable[[Any], tuple[Any, ...]]:
        """Returns `views(step)`: images, perturbation and arguments of a predictor."""
        if self.border == "circular":
            return lambda step: (
                (split.images, circular, np.tile(np.int32(step), (len(split), 1)))
                if any(step)
                else (split.images,)
            )
        canvases = Canvases.of_scenes(split)
        images, crop = canvases.split.images, canvases.crop
        # A window goes the other way than its content.
        return lambda step: (images, crop, canvases.corners - np.int32(step))


def to_bytes(images: Any) -> np.ndarray:
    """Returns images in [0, 1] as uint8."""
    return np.rint(255 * np.asarray(images)).clip(0, 255).astype(np.uint8)


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
