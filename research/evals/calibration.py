"""Calibration on the images as they are and under shifts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar

import jax
import numpy as np

from research.data.source import Dataset
from research.data.split import Split
from research.evals.engine.dense import require_one_answer
from research.evals.engine.predictor import Perturb, Predictor
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.tasks.calibration import Logits, Reliability, fit_temperature
from research.tasks.metrics import confidence, cross_entropy
from research.transforms.shifts import draw_offsets
from research.types import Bits, Count, Natural, Range


@dataclass(frozen=True)
class Calibration(Evaluator):
    """Compares how sure a network is with how often it is right.

    Yields `ece`, the expected calibration error in equal bins of the top-1 probability,
    and `nll`, −log p(label) in nats: of the images as they are; and, with the
    parameters `border` and `max_shift`, of `draws` shifts of each image, uniform on
    [−m, m]². There the errors of the draws are averaged, so that each is of as many
    examples as the unshifted one and has the same bias; `ece_increase` is the
    difference of the two, and `p_deviation` the standard deviation of the probability
    of the label over the shifts of an example. Bins are kept beside `ece`: `count`,
    `confidence`, `accuracy` (bins,). It has no interval over examples, where resampling
    adds to the bias: compare seeds.

    With the parameter `scaled` the same of z/T, where the `temperature` T has the least
    cross-entropy on the unshifted `validation` examples. Where there are none, or they
    are the ones that are measured, a row, `skipped`, says so.

    Costs 1 + borders × draws passes, and one over the validation examples.

    Attributes:
      shifts: by border, `perturb(images, offsets)`: of `research.transforms.shifts`.
      data: the data set whose `validation` fits the temperature.
      bins: equal ones between 0 and 1.
      max_shift: m, pixels.
      draws: shifts of each example.
      examples: how many of the split, from the first; None: all.
      seed: of the shifts.
      batch: examples a call.

    References:
      C. Guo et al., On Calibration of Modern Neural Networks, ICML 2017,
      arXiv:1706.04599; Y. Ovadia et al., Can You Trust Your Model's Uncertainty?,
      NeurIPS 2019, arXiv:1906.02530 (under shift).
    """

    name: ClassVar[str] = "calibration"
    labelled: ClassVar[tuple[str, ...]] = (
        "ece",
        "ece_increase",
        "nll",
        "p_deviation",
        "temperature",
    )
    shifts: Mapping[str, Perturb]
    data: Dataset
    bins: Count = 15
    max_shift: Count = 3
    draws: Annotated[int, Range(2), Bits(31)] = 8  # for a deviation
    examples: Count | None = None
    seed: Natural = 0
    batch: Count = 512

    def check(self, predict: Callable[..., Any], split: Split) -> None:
        """Refuses answers at every pixel, missing labels, and too large shifts."""
        require_one_answer(predict, split, self.name)
        self.require_labels(split)
        m = self.max_shift
        self.require_room("max_shift", m, (m, m), split)

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the measurements, those of logits as they are first."""
        split = split.first(self.examples)
        predictor = Predictor.of(predict, batch=self.batch)
        still = predictor.logits(split.images)
        moved = {
            border: self.draw(predictor, split, shift)
            for border, shift in self.shifts.items()
        }
        yield from self.compare(still, moved, split.labels, {})
        validation = self.data.split("validation")
        if reason := refuse_to_fit(validation, split):
            yield Measurement("calibration", "skipped", 1, 0, method=reason)
            return
        logits = predictor.logits(validation.images)
        temperature = fit_temperature(logits, validation.labels)
        yield Measurement("calibration", "temperature", temperature, len(validation))
        cooled = {border: logits / temperature for border, logits in moved.items()}
        still = still / temperature
        yield from self.compare(still, cooled, split.labels, {"scaled": True})

    def draw(self, predictor: Predictor, split: Split, shift: Perturb) -> np.ndarray:
        """Returns the logits of the shifts of every image, (draws, N, K)."""
        m, found = self.max_shift, []
        for index in range(self.draws):
            key = jax.random.fold_in(jax.random.key(self.seed), index)
            offsets = draw_offsets(key, len(split), -m, m)
            found.append(predictor.logits(split.images, shift, offsets))
        return np.stack(found)

    def compare(
        self,
        still: Logits,
        moved: Mapping[str, np.ndarray],
        labels: np.ndarray,
        params: Mapping[str, Any],
    ) -> Iterator[Measurement]:
        """Yields the measures of logits, unshifted and by border."""
        before = Reliability.of(still, labels, self.bins)
        nll = partial(Measurement.of_examples, "calibration", "nll", bounds=None)
        yield of_bins([before], len(labels), params)
        yield nll(cross_entropy(still, labels), params=params)
        for border, draws in moved.items():
            shifted = {"border": border, "max_shift": self.max_shift, **params}
            bins = [Reliability.of(one, labels, self.bins) for one in draws]
            error = of_bins(bins, len(labels), shifted)
            yield error
            increase = error.value - before.error
            yield Measurement(
                "calibration", "ece_increase", increase, len(labels), params=shifted
            )
            losses = [cross_entropy(one, labels) for one in draws]
            yield nll(np.mean(losses, 0), params=shifted)
            p = [confidence(one, labels) for one in draws]
            yield Measurement.of_examples(
                "calibration", "p_deviation", np.std(p, 0, ddof=1), params=shifted
            )


def refuse_to_fit(validation: Split, split: Split) -> str:
    """Returns why no temperature is fitted; empty where one is.

    Args:
      validation: the examples that would fit it.
      split: those that are measured, which may be the first of them.
    """
    if not len(validation):
        return SKIPPED
    same = np.array_equal(validation.images[: len(split)], split.images)
    return MEASURED if same else ""


def of_bins(
    draws: list[Reliability], examples: int, params: Mapping[str, Any]
) -> Measurement:
    """Returns the mean error of several draws, and their bins taken together."""
    count = np.sum([one.count for one in draws], 0)
    with np.errstate(invalid="ignore"):
        means = {
            name: np.sum(
                [np.nan_to_num(getattr(one, name)) * one.count for one in draws], 0
            )
            / count
            for name in ("confidence", "accuracy")
        }
    value = float(np.mean([one.error for one in draws]))
    return Measurement(
        "calibration",
        "ece",
        value,
        examples,
        params=dict(params),
        arrays={"count": count, **means},
    )


SKIPPED = "temperature skipped: no validation examples; data.validation_examples=100"
MEASURED = (
    "temperature skipped: it would be fitted on what it is measured on; split=test"
)
