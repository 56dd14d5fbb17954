"""Measures of two rankings of the classes: pure functions of logits, one per example.

A ranking lists the classes from the largest logit down; of equal logits the class with
the smaller index comes first.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from research.tasks.metrics import Scores, predictions


def flips(before: Scores, after: Scores) -> Float[np.ndarray, "*batch"]:
    """1 where the top-1 class changes, 0 elsewhere.

    The mean over the frames of a sequence, each against the one before or, where noise
    is drawn anew for each frame, against the first, is the flip probability FP.

    References:
      D. Hendrycks, T. Dietterich, Benchmarking Neural Network Robustness to Common
      Corruptions and Perturbations, ICLR 2019, arXiv:1903.12261, section 4.3.
    """
    return (predictions(before) != predictions(after)).astype(np.float64)


def ranks(logits: Scores) -> Int[np.ndarray, "*batch classes"]:
    """Returns the place of each class in the ranking, from 1 on."""
    order = np.argsort(-logits, axis=-1, kind="stable")
    return np.argsort(order, axis=-1) + 1


def top_distance(
    before: Scores, after: Scores, top: int = 5
) -> Float[np.ndarray, "*batch"]:
    """Returns how far the `top` first classes of a ranking move in the other.

    d = Σ_{i=1…top} Σ_{j=min(i,σ(i))+1…max(i,σ(i))} 1[1 ≤ j−1 ≤ top] with σ(i) the rank
    in `after` of the class that is i-th in `before`. Only places up to top + 1 count,
    so that d = Σ_i |min(σ(i), top + 1) − i|: 0 for equal rankings, and 15 where none of
    the first five is among the first five of the other.

    Args:
      before: (…, K) logits of one frame.
      after: of a later one; d is not symmetric.
      top: how many classes count; where there are fewer, all.

    References:
      D. Hendrycks, T. Dietterich, ICLR 2019, arXiv:1903.12261, section 4.3.
    """
    count = min(top, before.shape[-1])
    first = np.argsort(-before, axis=-1, kind="stable")[..., :count]
    moved = np.take_along_axis(ranks(after), first, -1)
    places = np.arange(1, count + 1)
    return np.abs(np.minimum(moved, top + 1) - places).sum(-1).astype(np.float64)
