"""Nearest neighbours by cosine among the embeddings of a set of images."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from research.evals.engine.embedding import Vectors

TIE = 1e-6  # cosines of float32 embeddings that are nearer than that are equal
ROWS = 1024  # whose cosines with all others are held at once

Cosines = Float[np.ndarray, "rows examples"]
Places = Int[np.ndarray, " examples"]


def normalise(vectors: Vectors) -> Float[np.ndarray, "examples features"]:
    """Returns vectors of length 1 in float64; a vector of zeros stays one."""
    vectors = vectors.astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)


def find_nearest(vectors: Vectors) -> Places:
    """Returns for each image the other one whose embedding has the largest cosine.

    Args:
      vectors: (N, D) of N ≥ 2 images. Of equal cosines the first counts.
    """
    unit = normalise(vectors)
    parts = [
        cosines(unit, unit, start).argmax(1) for start in range(0, len(unit), ROWS)
    ]
    return np.concatenate(parts)


def rank_former(moved: Vectors, still: Vectors, nearest: Places) -> Places:
    """Returns how many others are now nearer than the one that was the nearest.

    Args:
      moved: (N, D) of changed images.
      still: (N, D) of the images as they are, among which neighbours are looked for.
      nearest: (N,) of `find_nearest(still)`.

    Returns:
      In [0, N − 2] each; 0: it still is the nearest.
    """
    ours, theirs = normalise(moved), normalise(still)
    ranks = []
    for start in range(0, len(ours), ROWS):
        found = cosines(ours, theirs, start)
        former = found[np.arange(len(found)), nearest[start : start + ROWS]]
        ranks.append((found > former[:, None] + TIE).sum(1))
    return np.concatenate(ranks)


def cosines(ours: np.ndarray, theirs: np.ndarray, start: int) -> Cosines:
    """Returns the cosines of some rows with all others, −∞ with the image itself."""
    found = ours[start : start + ROWS] @ theirs.T
    rows = np.arange(len(found))
    found[rows, start + rows] = -np.inf
    return found
