"""The time that a classifier takes for an image, as evaluators call it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from research.data.split import Split
from research.evals.engine.predictor import Predictor
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.types import Count


@dataclass(frozen=True)
class Speed(Evaluator):
    """Yields `seconds_per_image`: the shortest of several passes over some images.

    It takes any classifier, ours or not, logits or embeddings, and so compares one in
    different wrappers. Compilation is left out; bringing images to the device and
    answers back is not. Other programs on the machine can only lengthen it, which is
    why the shortest counts.

    Attributes:
      passes: how many, after one that is not timed.
      examples: of the split, from the first, in a pass; None: all.
      batch: examples a call.
    """

    name: ClassVar[str] = "speed"
    takes_embeddings: ClassVar[bool] = True
    passes: Count = 3
    examples: Count | None = 128
    batch: Count = 64

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the one measurement."""
        images = split.first(self.examples).images
        predictor = Predictor.of(predict, batch=min(self.batch, len(images)))
        predictor.outputs(images)
        seconds = [
            measure_seconds(lambda: predictor.outputs(images)) / len(images)
            for _ in range(self.passes)
        ]
        yield Measurement(
            "speed",
            "seconds_per_image",
            min(seconds),
            len(images),
            params={"batch": self.batch},
            method=f"shortest of {self.passes} passes",
        )


def measure_seconds(call: Callable[[], Any]) -> float:
    """Returns how long a call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
