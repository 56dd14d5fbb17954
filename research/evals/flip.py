"""Flips along a path of one-pixel steps: ImageNet-P's measures of translations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np

from research.data.split import Split
from research.evals.engine.dense import require_one_answer
from research.evals.engine.embedding import Embedder
from research.evals.engine.predictor import Perturb
from research.evals.engine.steps import compare_frames, summarize_steps
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.types import Count, Length, Step


@dataclass(frozen=True)
class Flip(Evaluator):
    """Moves every image along a path, a pixel a frame, and compares frame with frame.

    Yields per border and direction `flip_rate`, the share of steps at which the top-1
    class changes (ImageNet-P's flip probability FP, not divided by AlexNet's), and
    `top5_distance`, the mean over steps of `research.tasks.rankings.top_distance`, in
    [0, 15]; of networks of ours `embedding_change`, 1 − cosine of the embeddings of
    consecutive frames. The means over examples at each step, `steps` (frames − 1,), are
    kept beside. With `dy, dx` = 0, 1 the shifts are those of ImageNet-P, whose frames
    are cut from larger images (as `eval=window` does it) or, in CIFAR-10-P, filled with
    zeros. Costs a pass for each frame.

    Use it where a video is what the network will see: agreement with the unshifted
    image cannot tell one change of mind along the way from many.

    Attributes:
      shifts: by border, `perturb(images, offsets)`: of `research.transforms.shifts`.
      reach: the first and the last offset of a path, in steps: −7 to 8 are the 16
        frames of CIFAR-10-P, −20 to 20 the 41 of ImageNet-P at 224 pixels.
      directions: the steps (dy, dx), pixels.
      examples: how many of the split, from the first; None: all.
      batch: examples a call.

    References:
      D. Hendrycks, T. Dietterich, Benchmarking Neural Network Robustness to Common
      Corruptions and Perturbations, ICLR 2019, arXiv:1903.12261, section 4.3.
    """

    name: ClassVar[str] = "flip"
    shifts: Mapping[str, Perturb]
    reach: Annotated[Sequence[int], Length(2, 2, "first, last")] = (-7, 8)
    directions: Annotated[Sequence[Step], Length()] = ((0, 1), (1, 0))
    examples: Count | None = None
    batch: Count = 512

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.reach[0] >= self.reach[1]:
            raise self.refusal("reach", self.reach, "two integers [first, last]")
        if not all(map(any, self.directions)):
            raise self.refusal("directions", self.directions, "steps [dy, dx], not 0")

    def check(self, predict: Callable[..., Any], split: Split) -> None:
        """Refuses answers at every pixel, and paths that leave the image."""
        require_one_answer(predict, split, self.name)
        steps = max(map(abs, self.reach))
        for down, right in self.directions:
            end = steps * abs(down), steps * abs(right)
            self.require_room("reach", self.reach, end, split)

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the measurements of each border, direction by direction."""
        split = split.first(self.examples)
        embedder = Embedder(predict, batch=self.batch)
        path, count = range(self.reach[0], self.reach[1] + 1), len(split)
        for border, shift in self.shifts.items():
            for direction in self.directions:
                frames = (np.multiply(step, direction) for step in path)
                steps = compare_frames(
                    embedder(split.images, shift, np.tile(np.int32(one), (count, 1)))
                    for one in frames
                )
                params = {"border": border, "direction": list(direction)}
                params["reach"] = list(self.reach)
                yield from summarize_steps("flip", steps, params=params)
