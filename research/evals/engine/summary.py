"""Summaries of the answers to all circular shifts, and their measures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int, Shaped

from research.evals.engine.answers import agree, has_logits, score
from research.evals.engine.orbits import Method
from research.evals.measurement import Measurement
from research.tasks.metrics import mac, predictions
from research.tasks.task import Outputs, Task
from research.transforms.shifts import Draws

PerShift = Float[np.ndarray, "examples rows columns"]  # of one period
PerLine = Shaped[np.ndarray, "examples columns"]


class LogitSummary(NamedTuple):
    """What is measured of orbits whose answers are logits.

    Attributes:
      predictions: (N, P, Q).
      mac: (N, P, Q) absolute change of the probability of the unshifted prediction.
    """

    predictions: Int[np.ndarray, "examples rows columns"]
    mac: PerShift


class Summary(NamedTuple):
    """What is measured of the orbits of N images.

    Attributes:
      agreement: (N, P, Q) with the unshifted answer, over one period of shifts.
      scores: by measure, (N, P, Q); none without what is right.
      chosen: (M, …) answers at a given shift of each of the first M images.
      logits: None where the answers are no logits.
    """

    agreement: PerShift
    scores: dict[str, PerShift]
    chosen: Outputs
    logits: LogitSummary | None = None


class Line(NamedTuple):
    """Of the shifts down by one distance, what `Summary` has: arrays (B, Q)."""

    agreement: PerLine
    scores: dict[str, PerLine]
    logits: tuple[PerLine, PerLine] | None


def summarize_block(
    task: Task,
    method: Method,
    truth: Mapping[str, np.ndarray],
    at: Draws,
    fine: int = 1,
) -> Summary:
    """Returns what is measured of the orbits of some images, line by line.

    Args:
      task: of the answers.
      method: how these are computed.
      truth: the examples' arrays by name, B rows each.
      at: (B, 2) a shift for each image.
      fine: positions of the grid of shifts in a pixel.
    """
    rows, columns = (at % method.period).T
    lines: list[Line] = []
    unshifted: Outputs = None
    chosen: Outputs = None
    for dy, answers in enumerate(method.lines(truth["image"])):
        if dy == 0:
            unshifted = jax.tree.map(lambda leaf: leaf[:, 0], answers)
            chosen = jax.tree.map(np.copy, unshifted)
        here = np.flatnonzero(rows == dy)
        pairs = zip(jax.tree.leaves(chosen), jax.tree.leaves(answers), strict=True)
        for kept, leaf in pairs:
            kept[here] = leaf[here, columns[here]]
        lines.append(summarize_line(task, answers, unshifted, dy, truth, fine))
    whole = jax.tree.map(lambda *parts: np.stack(parts, 1), *lines)
    further = (at - at % method.period) // fine  # whole periods: the answers moved on
    chosen = task.undo(chosen, -further.astype(np.int32))
    logits = None if whole.logits is None else LogitSummary(*whole.logits)
    return Summary(whole.agreement, whole.scores, chosen, logits)


def summarize_line(
    task: Task,
    answers: Outputs,
    unshifted: Outputs,
    dy: int,
    truth: Mapping[str, np.ndarray],
    fine: int,
) -> Line:
    """Returns what is measured of the shifts by dy down and all distances right.

    Args:
      task: of the answers.
      answers: (B, Q, …).
      unshifted: (B, …).
      dy: positions of the grid.
      truth: the examples' arrays by name, B rows each.
      fine: positions of the grid in a pixel.
    """
    count, shifts = jax.tree.leaves(answers)[0].shape[:2]

    def per_shift(each: np.ndarray) -> np.ndarray:
        return each.reshape(count, shifts)

    offsets = np.stack([np.full(shifts, dy), np.arange(shifts)], 1).astype(np.int32)
    offsets = np.tile(offsets, (count, 1))
    pixels = offsets if fine == 1 else offsets / fine
    flat = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), answers)
    undone = task.undo(flat, pixels)
    still = jax.tree.map(lambda leaf: np.repeat(leaf, shifts, 0), unshifted)
    scores = score(task, undone, truth, views=shifts)
    logits = None
    if has_logits(undone):
        logits = per_shift(predictions(flat)), per_shift(mac(flat, still))
    return Line(
        per_shift(agree(task, undone, still)),
        {measure: per_shift(each) for measure, each in scores.items()},
        logits,
    )


def describe(found: Summary, shape: tuple[int, int], how: str) -> Iterator[Measurement]:
    """Yields the measures of answers over one period of shifts.

    Args:
      found: of all images.
      shape: (H, W), or u times that, multiples of (P, Q).
      how: how the answers were computed.
    """
    row = partial(Measurement.of_examples, "orbit", method=how)
    repeats = np.floor_divide(shape, found.agreement.shape[1:])
    kept = {"map": np.tile(found.agreement.mean(0), repeats)}
    if found.logits is not None:
        kept = {"predictions": found.logits.predictions} | kept
    yield row("agreement", found.agreement.mean((1, 2)), arrays=kept)
    yield row("worst_agreement", found.agreement.min((1, 2)))
    for measure, each in found.scores.items():
        yield row(measure, each.mean((1, 2)))
        yield row(f"worst_{measure}", each.min((1, 2)))
    if found.logits is not None:
        distinct = np.array([len(np.unique(one)) for one in found.logits.predictions])
        most = min(found.chosen.shape[-1], math.prod(shape))
        yield row("distinct", distinct, bounds=(1.0, float(most)))
        yield row("mac", found.logits.mac.mean((1, 2)))
