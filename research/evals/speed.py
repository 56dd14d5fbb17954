"""The time that a classifier takes for an image, as evaluators call it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from research.data.split import Split
from research.evals.engine.predictor import Predictor
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.types import Count
from research.wrappers.wrapper import find_wrapped


@dataclass(frozen=True)
class Speed(Evaluator):
    """Yields `seconds_per_image`: the shortest of several passes over some images.

    It takes any classifier, ours or not, logits or embeddings. In a wrapper it also
    yields `times_bare`: the same as a multiple of what the classifier takes as it is,
    whose passes are taken in turn with these. Compilation is left out, and so is
    bringing the images to the device, where evaluators keep them for their next pass
    (`research.evals.engine.batches.Kept`); bringing answers back is not. Other programs
    on the machine can only lengthen a pass, which is why the shortest counts.

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
        """Yields the measurement, or both."""
        images = split.first(self.examples).images
        batch = min(self.batch, len(images))
        predictor = Predictor.of(predict, batch=batch)
        calls = [partial(predictor.outputs, images)]
        if (wrapped := find_wrapped(predictor.predict)) is not None:
            height, width, channels = images.shape[1:]
            height, width, _ = wrapped.wrapper.shape((height, width, channels))
            bare = Predictor(wrapped.network, batch=batch)
            calls.append(partial(bare.outputs, images[:, :height, :width]))
        seconds = measure_in_turn(calls, self.passes)
        measured = partial(
            Measurement, "speed", n=len(images), params={"batch": self.batch}
        )
        yield measured(
            measure="seconds_per_image",
            value=seconds[0] / len(images),
            method=f"shortest of {self.passes} passes",
        )
        if wrapped is not None:
            yield measured(
                measure="times_bare",
                value=seconds[0] / seconds[1],
                method=f"shortest of {self.passes} passes each, in turn",
            )


def measure_in_turn(calls: Sequence[Callable[[], Any]], passes: int) -> list[float]:
    """Returns the seconds of the shortest call of each, after one that is not timed.

    Args:
      calls: what to time.
      passes: calls of each, one after the other's.
    """
    for call in calls:
        call()
    rounds = [[measure_seconds(call) for call in calls] for _ in range(passes)]
    return [min(one) for one in zip(*rounds, strict=True)]


def measure_seconds(call: Callable[[], Any]) -> float:
    """Returns how long a call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
