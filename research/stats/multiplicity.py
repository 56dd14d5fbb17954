"""Several claims at once: the family-wise error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from research.stats.interval import LEVEL, Values


def holm(
    pvalues: Sequence[float] | Values, *, family: int | None = None
) -> Float[np.ndarray, " n"]:
    """Adjusts p values for their number: the step-down rule of Holm (1979).

    The k-th smallest of m becomes the running maximum of (m − k + 1)·p, at most 1.

    Args:
      pvalues: (n,) in [0, 1]; give 1 for a claim that could not be tested.
      family: m, how many claims were registered; those without a p count as p = 1.
        None: n.

    Returns:
      (n,) adjusted values in the order given. Rejecting those at or below α keeps the
      chance of any false rejection at or below α, however they depend on one another.

    Raises:
      ValueError: a p outside [0, 1], or a family smaller than n.
    """
    pvalues = np.asarray(pvalues, np.float64)
    family = pvalues.size if family is None else family
    if not ((pvalues >= 0) & (pvalues <= 1)).all():
        raise ValueError(f"p values {pvalues} do not all lie in [0, 1]")
    if family < pvalues.size:
        raise ValueError(f"a family of {family} cannot have {pvalues.size} p values")
    order = np.argsort(pvalues, kind="stable")
    steps = pvalues[order] * (family - np.arange(pvalues.size))
    adjusted = np.empty_like(pvalues)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted


def first_step_level(family: int, *, level: float = LEVEL) -> float:
    """Returns the level of an interval that decides at Holm's first step: 1 − α/m.

    An interval at this level that lies beyond a margin decides a claim whatever the
    other claims of its family give; for m = 9 and α = .05 it is 99.44 %.
    """
    return 1 - (1 - level) / family
