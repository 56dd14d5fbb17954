"""Flips along sequences of ten kinds of change: the mean flip rate of CIFAR-10-P."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar

import numpy as np

from research.data.split import Split
from research.evals.engine.dense import require_one_answer
from research.evals.engine.predictor import Predictor
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.tasks.rankings import flips, top_distance
from research.transforms.corruptions.sequence import FrameSequence
from research.transforms.scrambles import draw_seeds
from research.types import Count, Length, Natural

MEANS = {"flip_rate": "mfr", "top5_distance": "mt5d"}
BOUNDS = {"flip_rate": (0.0, 1.0), "top5_distance": (0.0, 15.0)}


@dataclass(frozen=True)
class Sequences(Evaluator):
    """Compares the answers to the frames of short sequences made of every image.

    Frames of noise, which is drawn anew for each, are compared with the first, the
    image itself; those of the other kinds, which keep their draws, with the one before.
    Yields, of protocol `sequence`, for every kind `flip_rate`, the share of the n − 1
    comparisons in which the top-1 class changes (the flip probability FP), and
    `top5_distance`, the mean of `research.tasks.rankings.top_distance`, in [0, 15]; the
    means over examples at each frame, `steps` (n − 1,), are kept beside. Then, of each
    example, `mfr` and `mt5d`: the means over kinds.

    `mfr` is the plain mean, as CIFAR-10-P reports it. ImageNet-P divides the flip rate
    of a kind by AlexNet's first (the flip rate FR), and the top-5 distance likewise;
    dividing by the rows of any baseline gives such rates. The frames have parameters of
    our own and are made as they are needed: compare networks with each other, not with
    numbers on the published files.

    Costs a pass for each frame, 160 by default, and the drawing of the frames on the
    host, about 0.1 s an example of 32×32: hence `examples`. Use it where a network will
    see video, or where stability to more than shifts is claimed; accuracy under
    corruptions (`eval=corruptions`) does not tell whether an answer is steady.

    Attributes:
      kinds: sequences by name.
      examples: how many of the split, from the first; None: all.
      seed: of all draws.
      batch: examples a call.

    References:
      D. Hendrycks, T. Dietterich, Benchmarking Neural Network Robustness to Common
      Corruptions and Perturbations, ICLR 2019, arXiv:1903.12261, section 4.3.
    """

    name: ClassVar[str] = "sequences"
    kinds: Annotated[Mapping[str, FrameSequence], Length()]
    examples: Count | None = 200
    seed: Natural = 0
    batch: Count = 512

    def __post_init__(self) -> None:
        super().__post_init__()
        for kind, sequence in self.kinds.items():
            sequence.check(f"eval.{self.name}.kinds.{kind}")

    def check(self, predict: Callable[..., Any], split: Split) -> None:
        """Refuses answers at every pixel."""
        require_one_answer(predict, split, self.name)

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the measurements of each kind, then the means over kinds."""
        split = split.first(self.examples)
        predictor = Predictor.of(predict, batch=self.batch)
        seeds = np.asarray(draw_seeds(self.seed, len(split))).astype(np.int64)
        row = partial(Measurement.of_examples, "sequence")
        of_kinds: dict[str, list[np.ndarray]] = {measure: [] for measure in MEANS}
        for kind, sequence in self.kinds.items():
            params = {"kind": kind, "frames": sequence.frames}
            steps = walk(predictor, split.images, seeds, sequence)
            for measure, each in steps.items():
                rate, arrays = each.mean(0), {"steps": each.mean(1)}
                bounds = BOUNDS[measure]
                yield row(measure, rate, params=params, bounds=bounds, arrays=arrays)
                of_kinds[measure].append(rate)
        params = {"kinds": list(self.kinds)}
        for measure, rates in of_kinds.items():
            mean, bounds = np.mean(rates, axis=0), BOUNDS[measure]
            yield row(MEANS[measure], mean, params=params, bounds=bounds)


def walk(
    predictor: Predictor, images: np.ndarray, seeds: np.ndarray, sequence: FrameSequence
) -> dict[str, np.ndarray]:
    """Returns the measures of each frame but the first, (frames − 1, N).

    Args:
      predictor: of the network.
      images: (N, H, W, C), of 0 … 255.
      seeds: (N,) of the draws.
      sequence: of frames.
    """
    found: dict[str, list[np.ndarray]] = {measure: [] for measure in MEANS}
    reference = predictor.logits(sequence(images, seeds, 0))
    for frame in range(1, sequence.frames):
        logits = predictor.logits(sequence(images, seeds, frame))
        found["flip_rate"].append(flips(reference, logits))
        found["top5_distance"].append(top_distance(reference, logits))
        if sequence.consecutive:
            reference = logits
    return {measure: np.stack(each) for measure, each in found.items()}
