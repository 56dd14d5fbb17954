"""Frames along a path: what changes from each to the next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from research.evals.engine.embedding import embedding_change
from research.evals.measurement import Measurement
from research.tasks.rankings import flips, top_distance

Steps = dict[str, np.ndarray]  # by measure, (steps, N)
# Logits, and embeddings where there are some, see `engine.embedding.Embedder`.
Answer = tuple[np.ndarray, np.ndarray | None]
BOUNDS = {
    "flip_rate": (0.0, 1.0),
    "top5_distance": (0.0, 15.0),
    "embedding_change": (0.0, 2.0),
}


def compare_frames(frames: Iterable[Answer]) -> Steps:
    """Returns the measures of each step from a frame to the next, (frames − 1, N)."""
    found: dict[str, list[np.ndarray]] = {}
    before: Answer | None = None
    for after in frames:
        if before is not None:
            for measure, each in compare_two(before, after).items():
                found.setdefault(measure, []).append(each)
        before = after
    return {measure: np.stack(each) for measure, each in found.items()}


def compare_two(before: Answer, after: Answer) -> dict[str, np.ndarray]:
    """Returns the measures of two frames, given their logits and embeddings."""
    (logits, vectors), (others, moved) = before, after
    found = {
        "flip_rate": flips(logits, others),
        "top5_distance": top_distance(logits, others),
    }
    if vectors is not None and moved is not None:
        found["embedding_change"] = embedding_change(vectors, moved)
    return found


def summarize_steps(
    protocol: str, steps: Steps, *, params: Mapping[str, Any], method: str = ""
) -> Iterator[Measurement]:
    """Yields the mean of each measure over the steps of an example."""
    row = partial(Measurement.of_examples, protocol, params=params, method=method)
    for measure, each in steps.items():
        arrays = {"steps": each.mean(1)}
        yield row(measure, each.mean(0), bounds=BOUNDS[measure], arrays=arrays)
