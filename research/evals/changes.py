"""Agreement under small changes other than shifts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from research.data.split import Split
from research.evals.engine.answers import compare_answers, has_logits, score
from research.evals.engine.predictor import Perturb, Predictor, prepare
from research.evals.evaluator import Evaluator, freeze
from research.evals.measurement import Measurement
from research.tasks.classification import CLASSIFICATION
from research.tasks.task import Task
from research.transforms.scrambles import draw_seeds
from research.types import Count, Seed


@dataclass(frozen=True)
class Change:
    """A kind of change and its amounts.

    Attributes:
      perturb: `perturb(images, amounts, seeds)` of `research.transforms.distortions`.
      amounts: in the perturbation's unit.
    """

    perturb: Perturb
    amounts: Sequence[float | int]

    def __post_init__(self) -> None:
        object.__setattr__(self, "amounts", freeze(self.amounts))


@dataclass(frozen=True)
class Changes(Evaluator):
    """Compares the answer to each changed image with that to the image itself.

    Yields for every amount `agreement`; of logits `mac` and `relative_logit_distance`;
    where there are labels `accuracy`, and for every kind `worst_accuracy`: right at
    each of its amounts and unchanged. Dense answers are compared where they stand, so
    that kinds that move pixels, such as a rotation, are left out for them: a row,
    `skipped`, says so.

    Attributes:
      changes: by name, which becomes the protocol.
      examples: how many of the split, from the first; None: all.
      seed: of noise and elastic warps; an example keeps its own at every amount.
      batch: examples a call.
      task: of the answers.
    """

    name: ClassVar[str] = "changes"
    labelled: ClassVar[tuple[str, ...]] = ("accuracy", "worst_accuracy")
    changes: Mapping[str, Change]
    examples: Count | None = None
    seed: Seed = 0
    batch: Count = 512
    task: Task = CLASSIFICATION

    def __post_init__(self) -> None:
        super().__post_init__()
        for kind, change in self.changes.items():
            if not len(change.amounts):
                raise self.refusal(f"changes.{kind}.amounts", (), "one number or more")

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the measurements of each kind of change, amount by amount."""
        split = split.first(self.examples)
        predictor = Predictor.of(predict, batch=self.batch)
        still = predictor.outputs(split.images)
        seeds = draw_seeds(self.seed, len(split))
        for kind, change in self.changes.items():
            if not has_logits(still) and moves_pixels(change):
                params = {"amounts": list(change.amounts)}
                yield Measurement(kind, "skipped", 1, 0, params=params, method=SKIPPED)
                continue
            worst = score(self.task, still, split.arrays)
            for amount in change.amounts:
                amounts = np.full(len(split), amount, np.float32)
                changed = predictor.outputs(
                    split.images, change.perturb, amounts, seeds
                )
                yield from compare_answers(
                    kind,
                    changed,
                    still,
                    split,
                    task=self.task,
                    params={"amount": amount},
                )
                scores = score(self.task, changed, split.arrays)
                worst = {k: np.minimum(v, scores[k]) for k, v in worst.items()}
            for measure, each in worst.items():
                params = {"amounts": list(change.amounts)}
                yield Measurement.of_examples(
                    kind, f"worst_{measure}", each, params=params
                )


def moves_pixels(change: Change) -> bool:
    """Whether a change takes what is at one pixel elsewhere, by any of its amounts.

    Grey images are changed with a darker pixel and without: the difference stays where
    it was put, or its centre of mass does, as under a blur.
    """
    count, place = len(change.amounts), np.array(IMPULSE)
    grey = np.full((2 * count, GRID, GRID, 1), 0.5, np.float32)
    grey[:count, *place] = 0.25
    amounts = np.tile(np.asarray(change.amounts, np.float32), 2)
    seeds = np.tile(draw_seeds(0, count), 2)
    changed = np.asarray(
        prepare(change.perturb, *map(jnp.asarray, (grey, amounts, seeds)))
    )
    trace = np.abs(changed[:count] - changed[count:]).sum(-1, dtype=np.float64)
    mass = trace.sum((1, 2))
    centres = np.einsum("nhw,chw->nc", trace, np.indices((GRID, GRID)))
    moved = np.abs(centres - mass[:, None] * place).max(1)
    return bool((moved > LEAST * mass).any())


SKIPPED = "it moves pixels, and the answers would have to move with them"
GRID, IMPULSE = 16, (4, 5)  # a small image, and a pixel off its centre and its axes
LEAST = 0.01  # pixels
