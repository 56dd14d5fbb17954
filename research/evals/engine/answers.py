"""Answers compared: agreement after a shift is undone, and what labels add to it.

A task says what an answer is and when two agree. Where an answer is a vector of logits
its probabilities count, too; where the data set has what is right, so does the score.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float

from research.data.split import Split
from research.evals.measurement import Measurement
from research.tasks import metrics
from research.tasks.task import Outputs, Task

Each = Float[np.ndarray, " examples"]
Answers = Float[np.ndarray, "examples *answer"]  # (B, K), or (B, H, W, K)


class Missing(LookupError):
    """A task asks for an array that the data set lacks."""


class Truth(Mapping[str, Any]):
    """The arrays of a data set by name, as a task scores by them.

    Args:
      arrays: one row for each example.
      views: answers to each example, for each of which its row is repeated. Only what
        is asked for is: canvases are a hundred times as large as labels.
    """

    def __init__(self, arrays: Mapping[str, Any], views: int = 1):
        self.arrays = arrays
        self.views = views

    def __getitem__(self, name: str) -> Any:
        """Returns an array; raises `Missing` where the data set has none."""
        if name not in self.arrays:
            raise Missing(name)
        rows = self.arrays[name]
        return rows if self.views == 1 else np.repeat(rows, self.views, 0)

    def __contains__(self, name: object) -> bool:
        return name in self.arrays

    def get(self, name: str, default: Any = None) -> Any:
        """Returns an array, or `default` where the data set has none."""
        return self[name] if name in self else default

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)


def score(
    task: Task, answers: Outputs, arrays: Mapping[str, Any], *, views: int = 1
) -> dict[str, Each]:
    """Returns how right each answer is, by measure; nothing where no truth is known.

    Args:
      task: scores.
      answers: a tree of arrays with N · views rows, those of one example in a row.
      arrays: of the split, N rows each.
      views: answers to each example.
    """
    try:
        scores = task.score(answers, Truth(arrays, views))
    except Missing:
        return {}
    return {name: np.asarray(each, np.float64) for name, each in scores.items()}


def agree(task: Task, a: Outputs, b: Outputs) -> Each:
    """Returns how much two answers to each example agree, in [0, 1]."""
    return np.asarray(task.agreement(a, b), np.float64)


def has_logits(answers: Outputs) -> bool:
    """Whether answers are one array (N, K)."""
    return isinstance(answers, np.ndarray) and answers.ndim == 2


def is_invariant(task: Task, logits: metrics.Scores) -> bool:
    """Whether a shift of the image leaves the answers of a task where they are."""
    undone = task.undo(logits, np.ones((len(logits), 2), np.int32))
    return np.array_equal(undone, logits)


def undoes_shifts(task: Task, logits: Answers) -> bool:
    """Whether a task takes out of answers what a circular shift of the image does.

    Args:
      task: undoes shifts.
      logits: (B, K), which such a shift leaves as they are if a network commutes with
        it, or (B, H, W, K), which move with the image.
    """
    offset = (1, 2)
    moved = np.roll(logits, offset, (1, 2)) if logits.ndim == 4 else logits
    undone = task.undo(moved, np.tile(np.array(offset, np.int32), (len(logits), 1)))
    near = 1e-5 * float(np.abs(logits).max())  # an undoing of fractions may round
    return undone.shape == logits.shape and np.allclose(undone, logits, 0, near)


def predictions_of(*answers: Outputs) -> dict[str, np.ndarray]:
    """Returns `predictions`, (N,), or (N, V) of V answers; nothing without logits."""
    if not has_logits(answers[0]):
        return {}
    tops = [metrics.predictions(one) for one in answers]
    return {"predictions": tops[0] if len(tops) == 1 else np.stack(tops, 1)}


def compare_answers(
    protocol: str,
    answers: Outputs,
    unchanged: Outputs,
    split: Split,
    *,
    task: Task,
    params: Mapping[str, Any],
    other: Outputs | None = None,
    arrays: Mapping[str, np.ndarray] | None = None,
    method: str = "",
) -> Iterator[Measurement]:
    """Yields what answers to changed images say against those to the images themselves.

    Args:
      protocol: of the rows.
      answers: to the changed images, with the shift undone.
      unchanged: answers to the images as they are.
      split: the examples.
      task: of the answers.
      params: of the rows.
      other: answers to compare with for the agreement; None: the unchanged ones.
      arrays: kept beside the agreement, with the predictions.
      method: of the rows.

    Yields:
      `agreement`; of logits `mac`; the task's scores where the split has what is right;
      and of logits `relative_logit_distance`.
    """
    row = partial(Measurement.of_examples, protocol, params=params, method=method)
    views = [answers] if other is None else [answers, other]
    kept = predictions_of(*views) | dict(arrays or {})
    yield row(
        "agreement",
        agree(task, answers, unchanged if other is None else other),
        arrays=kept,
    )
    logits = has_logits(answers)
    if logits:
        yield row("mac", metrics.mac(answers, unchanged))
    for measure, each in score(task, answers, split.arrays).items():
        yield row(measure, each)
    if logits:
        distance = metrics.relative_logit_distance(answers, unchanged)
        yield row("relative_logit_distance", distance, bounds=None)
