"""Accuracy under the common corruptions of CIFAR-10-C, made as they are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from research.data.split import Split
from research.evals.engine.answers import compare_answers, score
from research.evals.engine.predictor import Predictor
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.tasks.classification import CLASSIFICATION
from research.tasks.task import Task
from research.transforms.corruptions.corruption import Corruption
from research.transforms.scrambles import draw_seeds
from research.types import Count, Natural


@dataclass(frozen=True)
class Corruptions(Evaluator):
    """Compares the answer to each corrupted image with its label and with the clean.

    Yields, of protocol `corruption`, for every kind and severity `agreement` and, where
    there are labels, `accuracy`; then for every kind `corruption_error`, the mean of
    1 − accuracy over its severities (of label maps, of 1 − pixel accuracy, the masks
    being those of the clean images, which `elastic` moves a little); and `mce`, the
    mean of those over kinds. That is the mean corruption error of the literature on
    CIFAR-10-C. ImageNet-C divides the
    error of a kind, summed over severities, by that of AlexNet; the rows hold what that
    takes.

    Attributes:
      corruptions: by name.
      examples: how many of the split, from the first; None: all.
      seed: of the random ones; an example keeps its own draws at every severity.
      batch: examples a call.
      task: of the answers.

    References:
      D. Hendrycks, T. Dietterich, Benchmarking Neural Network Robustness to Common
      Corruptions and Perturbations, ICLR 2019 (arXiv:1903.12261).
    """

    name: ClassVar[str] = "corruptions"
    labelled: ClassVar[tuple[str, ...]] = ("accuracy", "corruption_error", "mce")
    corruptions: Mapping[str, Corruption]
    examples: Count | None = 1000
    seed: Natural = 0
    batch: Count = 512
    task: Task = CLASSIFICATION

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.corruptions:
            raise self.refusal("corruptions", "{}", "one or more")
        for kind, corruption in self.corruptions.items():
            if not corruption.severities:
                key = f"corruptions.{kind}.severities"
                raise self.refusal(key, (), "one list of arguments or more")
            corruption.check(f"eval.{self.name}.corruptions.{kind}")

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the measurements of each kind by severity, and then the means."""
        split = split.first(self.examples)
        predictor = Predictor.of(predict, batch=self.batch)
        clean = predictor.outputs(split.images)
        seeds = np.asarray(draw_seeds(self.seed, len(split))).astype(np.int64)
        errors = []
        for kind, corruption in self.corruptions.items():
            of_kind = []
            for severity in range(1, len(corruption.severities) + 1):
                images = corruption(split.images, seeds, severity)
                outputs = predictor.outputs(images)
                params = {"kind": kind, "severity": severity}
                yield from compare_answers(
                    "corruption", outputs, clean, split, task=self.task, params=params
                )
                scores = score(self.task, outputs, split.arrays)
                if scores:
                    of_kind.append(1 - scores[self.task.scores[0]])
            if of_kind:
                errors.append(np.mean(of_kind, axis=0))
                yield Measurement.of_examples(
                    "corruption", "corruption_error", errors[-1], params={"kind": kind}
                )
        if errors:
            params = {"kinds": list(self.corruptions)}
            mean = np.mean(errors, axis=0)
            yield Measurement.of_examples("corruption", "mce", mean, params=params)
