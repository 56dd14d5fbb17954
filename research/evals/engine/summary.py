"""Summaries of the answers to all circular shifts, and their measures."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int

from research.evals.engine.answers import agree, has_logits, score
from research.evals.engine.predictor import Stored
from research.evals.measurement import Measurement
from research.tasks.metrics import Scores, Values, mac, predictions
from research.tasks.task import Outputs, Task
from research.transforms.shifts import Draws

PerShift = Float[np.ndarray, "examples rows columns"]  # of one period


class LogitSummary(NamedTuple):
    """What is measured of orbits whose answers are logits.

    Attributes:
      predictions: (N, P, Q).
      mac: (N,) mean absolute change of the probability of the unshifted prediction.
      chosen: (N, K) logits at a given shift of each image.
    """

    predictions: Int[np.ndarray, "examples rows columns"]
    mac: Values
    chosen: Scores


class Summary(NamedTuple):
    """What is measured of the orbits of N images.

    Attributes:
      agreement: (N, P, Q) with the unshifted answer, over one period of shifts.
      scores: by measure, (N, P, Q); none without what is right.
      logits: None where the answers are no logits.
    """

    agreement: PerShift
    scores: dict[str, PerShift]
    logits: LogitSummary | None = None


def summarize_block(
    task: Task,
    answer: Callable[[Stored], Outputs],
    truth: Mapping[str, np.ndarray],
    at: Draws,
    fine: int = 1,
) -> Summary:
    """Returns what is measured of the orbits of some images.

    Args:
      task: of the answers.
      answer: (B, H, W, C) images → answers (B, P, Q, …).
      truth: the examples' arrays by name, B rows each.
      at: (B, 2) a shift for each image.
      fine: positions of the grid of shifts in a pixel.
    """
    orbits = answer(truth["image"])
    count, *period = jax.tree.leaves(orbits)[0].shape[:3]
    shifts = math.prod(period)

    def flatten(leaf: np.ndarray) -> np.ndarray:
        return leaf.reshape(-1, *leaf.shape[3:])

    def per_shift(each: np.ndarray) -> np.ndarray:
        return each.reshape(count, *period)

    offsets = np.tile(np.indices(period, np.int32).reshape(2, -1).T, (count, 1))
    pixels = offsets if fine == 1 else offsets / fine
    undone = task.undo(jax.tree.map(flatten, orbits), pixels)
    unshifted = jax.tree.map(lambda leaf: np.repeat(leaf[:, 0, 0], shifts, 0), orbits)
    repeated = {k: np.repeat(v, shifts, 0) for k, v in truth.items() if k != "image"}
    scores = score(task, undone, repeated)
    found = Summary(
        per_shift(agree(task, undone, unshifted)),
        {measure: per_shift(each) for measure, each in scores.items()},
    )
    if not has_logits(undone):
        return found
    still = np.broadcast_to(orbits[:, :1, :1], orbits.shape)
    dy, dx = (at % period).T
    logits = LogitSummary(
        predictions=predictions(orbits),
        mac=mac(orbits, still).mean((1, 2)),
        chosen=orbits[np.arange(count), dy, dx],
    )
    return found._replace(logits=logits)


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
        most = min(found.logits.chosen.shape[-1], math.prod(shape))
        yield row("distinct", distinct, bounds=(1.0, float(most)))
        yield row("mac", found.logits.mac)
