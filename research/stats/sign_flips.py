"""The exact sign-flip test: differences that are symmetric, and nothing else assumed.

Under H₀ the differences lie symmetrically about a value, so that all 2ⁿ choices of
signs of what is left are equally likely (Fisher 1935). The least two-sided p is 2/2ⁿ:
.125 of 4 seeds, .031 of 6, .0078 of 8, .00195 of 10.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from research.stats.interval import Values
from research.stats.three_way import Margin, PValues, margin_ends

MOST = 24  # 2²⁴ sums are 128 MiB
CLOSE = 1e-12  # of the largest sum: ties that rounding has parted

Alternative = Literal["two-sided", "greater", "less"]


def sign_flip(
    differences: Sequence[float] | Values,
    null: float = 0.0,
    *,
    alternative: Alternative = "two-sided",
) -> float:
    """Returns the share of the 2ⁿ sign choices whose mean is as extreme as found.

    Args:
      differences: (n,) one per seed, finite, at most 24.
      null: the centre of symmetry under H₀, in the unit of the differences.
      alternative: `greater` counts means at or above that of `differences − null`,
        `less` those at or below, `two-sided` those as far from 0.

    Returns:
      p, at least 2⁻ⁿ as the signs found are among those counted; 1 without differences.

    Raises:
      ValueError: too many differences, or non-finite ones.
    """
    values = np.asarray(differences, np.float64) - null
    if values.size > MOST or not np.isfinite(values).all():
        raise ValueError(f"needs at most {MOST} finite differences, not {values}")
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    found, close = values.sum(), CLOSE * np.abs(values).sum()
    if alternative == "two-sided":
        return float(np.mean(np.abs(sums) >= abs(found) - close))
    sign = 1 if alternative == "greater" else -1
    return float(np.mean(sign * sums >= sign * found - close))


def sign_flip_three_way(
    differences: Sequence[float] | Values, margin: Margin
) -> PValues:
    """Returns the p of the three nulls of `three_way`, by flips of signs.

    Its `claim` is to be printed beside the p of Student's t.
    """
    low, high = margin_ends(margin)
    return PValues(
        sign_flip(differences, high, alternative="greater"),
        sign_flip(differences, low, alternative="less"),
        max(
            sign_flip(differences, low, alternative="greater"),
            sign_flip(differences, high, alternative="less"),
        ),
    )
