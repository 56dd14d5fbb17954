"""Objects on a larger canvas, moved by one pixel at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar

import numpy as np

from research.data.split import Split
from research.evals.engine.answers import (
    agree,
    has_logits,
    is_invariant,
    predictions_of,
    score,
)
from research.evals.engine.canvas import Room, draw_places, fit_object
from research.evals.engine.predictor import Predictor
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.tasks import metrics
from research.tasks.classification import CLASSIFICATION
from research.tasks.task import Task
from research.types import Count, Fraction, Length, Seed, Share


@dataclass(frozen=True)
class Embed(Evaluator):
    """Moves each object along a path of 1-pixel steps from a random place.

    The start is uniform over all places where the whole object fits, the path's axis
    is random, and the path leads towards the farther border.

    Yields `accuracy` at the first place, where there are labels; of the first step
    `flip`, one less the agreement (of classes its mean is P(top-1 changes)), and of
    logits `mac` (|Δp| of the first prediction); of the path `jaggedness`, the flips
    added up: the number of steps at which the prediction changes.

    Attributes:
      size: of the object, as a fraction of the canvas, which is as large as an image.
      steps: of the path, each 1 pixel; at most half the room, rounded up.
      background: of the canvas in [0, 1], a value or one for each channel.
      seed: of places and axes.
      batch: examples a call.
      task: of the answers.

    References:
      A. Azulay, Y. Weiss, Why do deep convolutional networks generalize so poorly to
      small image transformations?, JMLR 20, 2019, arXiv:1805.12177.
    """

    name: ClassVar[str] = "embed"
    labelled: ClassVar[tuple[str, ...]] = ("accuracy",)
    size: Share = 0.5
    steps: Count = 6
    background: Fraction | Annotated[Sequence[Fraction], Length()] = 0.0
    seed: Seed = 0
    batch: Count = 512
    task: Task = CLASSIFICATION

    def check(self, predict: Callable[..., Any], split: Split) -> None:
        """Refuses objects that do not fit, and paths too long for their room."""
        canvas, room = fit_object(split, self.size, self.background, self.name)
        longest = (min(room) + 1) // 2
        if self.steps > longest:
            raise self.refusal(
                "steps",
                self.steps,
                f"1 to {longest} for an object of {canvas.height}×{canvas.width}, for "
                "which there is room; or reduce eval.embed.size",
            )

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the measurements of the path."""
        canvas, room = fit_object(split, self.size, self.background, self.name)
        predictor = Predictor.of(predict, batch=self.batch)
        places, step = draw_paths(self.seed, len(split), room)
        answers = []
        for taken in range(self.steps + 1):
            moved = predictor.outputs(split.images, canvas, places + taken * step)
            answers.append(self.task.undo(moved, taken * step))
        flips = np.stack(
            [
                1 - agree(self.task, after, before)
                for before, after in zip(answers[:-1], answers[1:], strict=True)
            ]
        )
        params = {"size": self.size, "steps": self.steps}
        row = partial(Measurement.of_examples, "embed", params=params)
        logits = has_logits(answers[0])
        if logits and is_invariant(self.task, answers[0]):  # labels hold anywhere
            for measure, each in score(self.task, answers[0], split.arrays).items():
                yield row(measure, each)
        yield row("flip", flips[0])
        if logits:
            yield row("mac", metrics.mac(answers[1], answers[0]))
        yield row(
            "jaggedness",
            flips.sum(0),
            bounds=(0.0, float(self.steps)),
            arrays=predictions_of(*answers) | {"places": places, "step": step},
        )


def draw_paths(seed: int, examples: int, room: Room) -> tuple[np.ndarray, np.ndarray]:
    """Draws first places, and a unit step (dy, dx) along one axis for each example."""
    places = draw_places(seed, examples, room)
    axes = np.random.default_rng([seed, 1]).integers(0, 2, examples)
    step = np.where(2 * places <= room, 1, -1) * np.eye(2, dtype=np.int32)[axes]
    return places, step.astype(np.int32)
