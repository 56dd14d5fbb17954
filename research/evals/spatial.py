"""The spatial attack: rotations with translations, on a grid and as worst of a few."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar

import numpy as np

from research.data.split import Split
from research.evals.engine.dense import require_one_answer
from research.evals.engine.predictor import Predictor
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.tasks.metrics import correct, cross_entropy, predictions
from research.transforms.distortions import turn_and_move
from research.types import Count, Finite, Length, Natural, NonNegative, Positive

Answers = dict[str, np.ndarray]  # by measure, (poses, N)


@dataclass(frozen=True)
class Spatial(Evaluator):
    """Turns and moves every image at once, and asks for the worst answer.

    An image is sampled at R(θ)u + t about its centre, bilinearly with zeros outside;
    the pose (0, 0, 0) is the image bit by bit. With `attack` = `grid` every pose of
    shifts × shifts × angles is tried; with `random`, `draws` poses of each example,
    uniform on the continuous box around the grid. Yields for each

    - `worst_accuracy`: right at every pose tried;
    - `worst_loss`: −log p(label) in nats at the pose that an attacker takes: one that
      is wrong, of several the one with the highest loss, or else that with the highest;
    - `worst_agreement`: the unchanged answer at every pose;
    - `accuracy` and `agreement`: the means over poses; of the grid with the means over
      examples, `map` (shifts, shifts, angles), beside `accuracy`.

    Of the grid's passes also, as `attack` = `translation` and `rotation`, the poses
    that only move or only turn.

    Costs shifts² · angles passes, 775 by default, and `draws` more: hence `examples`.
    Use it where stability to more than shifts is claimed.

    Attributes:
      shifts: each of t_y and t_x, pixels: ±3 on images of 32, ±24 on 224.
      rotation: largest angle either way, degrees.
      step: between angles, degrees.
      draws: k of the worst of k.
      examples: how many of the split, from the first; None: all.
      seed: of the draws.
      batch: examples a call.

    References:
      L. Engstrom et al., Exploring the Landscape of Spatial Robustness, ICML 2019,
      arXiv:1712.02779.
    """

    name: ClassVar[str] = "spatial"
    labelled: ClassVar[tuple[str, ...]] = ("accuracy", "worst_accuracy", "worst_loss")
    shifts: Annotated[Sequence[Finite], Length()] = (-3, -1.5, 0, 1.5, 3)
    rotation: NonNegative = 30
    step: Positive = 2
    draws: Count = 10
    examples: Count | None = 500
    seed: Natural = 0
    batch: Count = 512

    def __post_init__(self) -> None:
        super().__post_init__()
        turns = self.rotation / self.step
        if not math.isclose(turns, round(turns), abs_tol=1e-9):
            fit = "degrees above 0 that divide eval.spatial.rotation"
            raise self.refusal("step", self.step, fit)

    def check(self, predict: Callable[..., Any], split: Split) -> None:
        """Refuses answers at every pixel, missing labels, and too large shifts."""
        require_one_answer(predict, split, self.name)
        self.require_labels(split)
        most = max(map(abs, self.shifts))
        self.require_room("shifts", self.shifts, (most, most), split)

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the measurements of the grid, of its parts, and of the draws."""
        split = split.first(self.examples)
        predictor = Predictor.of(predict, batch=self.batch)
        still = predictions(predictor.logits(split.images))
        poses = self.grid()
        flat = poses.reshape(-1, 3)
        tried = np.broadcast_to(flat[:, None], (len(flat), len(split), 3))
        found = ask(predictor, split, still, tried)
        yield from summarize(found, {"attack": "grid"}, poses.shape[:3])
        for attack, part in (
            ("translation", flat[:, 0] == 0),
            ("rotation", (flat[:, 1:] == 0).all(-1)),
        ):
            if part.any():
                chosen = {measure: each[part] for measure, each in found.items()}
                yield from summarize(chosen, {"attack": attack})
        found = ask(predictor, split, still, self.draw(len(split)))
        yield from summarize(found, {"attack": "random", "draws": self.draws})

    def grid(self) -> np.ndarray:
        """Returns the poses (θ, t_y, t_x), (shifts, shifts, angles, 3)."""
        turns = round(self.rotation / self.step)
        angles = self.step * np.arange(-turns, turns + 1)
        down, right, angle = np.meshgrid(
            self.shifts, self.shifts, angles, indexing="ij"
        )
        return np.stack([angle, down, right], -1).astype(np.float32)

    def draw(self, examples: int) -> np.ndarray:
        """Draws poses for each example, uniform on the box; (draws, examples, 3)."""
        low = np.array([-self.rotation, min(self.shifts), min(self.shifts)])
        high = np.array([self.rotation, max(self.shifts), max(self.shifts)])
        # Example i draws the same however many examples there are.
        rng = np.random.default_rng(self.seed)
        draws = rng.random((examples, self.draws, 3)).swapaxes(0, 1)
        return (low + draws * (high - low)).astype(np.float32)


def ask(
    predictor: Predictor, split: Split, still: np.ndarray, poses: np.ndarray
) -> Answers:
    """Returns what becomes of every example at every pose.

    Args:
      predictor: of the network.
      split: N examples.
      still: (N,) the unchanged predictions.
      poses: (P, N, 3).
    """
    found: Answers = {
        name: np.empty(poses.shape[:2], np.float32)
        for name in ("accuracy", "agreement", "loss")
    }
    seeds = np.zeros(len(split), np.uint32)
    for index, pose in enumerate(poses):
        logits = predictor.logits(split.images, turn_and_move, pose, seeds)
        found["accuracy"][index] = correct(logits, split.labels)
        found["agreement"][index] = predictions(logits) == still
        found["loss"][index] = cross_entropy(logits, split.labels)
    return found


def summarize(
    found: Answers, params: dict[str, Any], shape: tuple[int, ...] | None = None
) -> Iterator[Measurement]:
    """Yields the worst and the mean over poses.

    Args:
      found: by measure, (P, N).
      params: of the rows.
      shape: of the grid, if it is to be kept as a `map`.
    """
    row = partial(Measurement.of_examples, "spatial", params=params)
    right, loss = found["accuracy"], found["loss"]
    wrong_ones = np.where(right == 0, loss, -np.inf).max(0)
    taken = np.where(right.all(0), loss.max(0), wrong_ones)
    yield row("worst_accuracy", right.min(0).astype(np.float64))
    yield row("worst_loss", taken.astype(np.float64), bounds=None)
    yield row("worst_agreement", found["agreement"].min(0).astype(np.float64))
    arrays = {} if shape is None else {"map": right.mean(1).reshape(shape)}
    yield row("accuracy", right.mean(0, dtype=np.float64), arrays=arrays)
    yield row("agreement", found["agreement"].mean(0, dtype=np.float64))
