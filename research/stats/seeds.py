"""Means over seeds and differences of two arms, by Student's t."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from research.stats.interval import LEVEL, NO_INTERVAL, Interval, Values, has_spread

Seeds = Mapping[int, float]  # seed → value


def t_interval(values: Sequence[float] | Values, *, level: float = LEVEL) -> Interval:
    """Student's interval of a mean over independent runs: x̄ ± t·s/√n.

    Three seeds have t = 4.30, two 12.7.

    Args:
      values: (n,) one value per seed.
      level: coverage aimed at.

    Returns:
      The interval, named `t over seeds`; `NO_INTERVAL` below two values, for non-finite
      ones, and for equal ones, or equal but for rounding: their spread says nothing.
    """
    tested = _t_test(np.asarray(values, np.float64))
    return NO_INTERVAL if tested is None else _interval(tested, level)


class Difference(NamedTuple):
    """Mean of a − b over n pairs, its interval, and the two-sided p of a mean of 0."""

    mean: float
    interval: Interval
    p: float
    n: int


def paired_difference(a: Seeds, b: Seeds, *, level: float = LEVEL) -> Difference:
    """Compares two arms by a paired t test over the seeds that both have.

    Args:
      a: seed → value of one arm.
      b: seed → value of the other.
      level: coverage aimed at.

    Returns:
      a − b. Where the differences have no spread, or there are fewer than two, there is
      no interval and p = 1: such data are no evidence. No pairs: the mean is NaN.
    """
    differences = np.array([*pair_by_seed(a, b).values()], np.float64)
    mean = float(differences.mean()) if differences.size else np.nan
    tested = _t_test(differences)
    if tested is None:
        return Difference(mean, NO_INTERVAL, 1.0, differences.size)
    interval = _interval(tested, level)
    return Difference(mean, interval, float(tested.pvalue), differences.size)


def pair_by_seed(a: Seeds, b: Seeds) -> dict[int, float]:
    """Returns seed → a − b for the seeds that both arms have, in order."""
    return {seed: a[seed] - b[seed] for seed in sorted(a.keys() & b.keys())}


def correlate_pairs(a: Seeds, b: Seeds) -> float:
    """Returns Pearson's correlation of two arms over the seeds that both have.

    Pairing narrows an interval by √(1 − r) where both arms have the same spread, and it
    costs half the degrees of freedom: it pays where seeds share data or draws.

    Returns:
      r in [−1, 1]; NaN below three pairs (two always lie on a line) and where an arm
      has no spread.
    """
    seeds = sorted(a.keys() & b.keys())
    first, second = (np.array([one[seed] for seed in seeds], float) for one in (a, b))
    if len(seeds) < 3 or not (has_spread(first) and has_spread(second)):
        return np.nan
    return float(np.corrcoef(first, second)[0, 1])


def _t_test(values: Float[np.ndarray, " n"]) -> Any:
    """Returns SciPy's test of a mean of 0, or None where the spread says nothing."""
    if not has_spread(values):
        return None
    from scipy.stats import ttest_1samp  # slow to import, and training needs no t

    return ttest_1samp(values, 0.0)


def _interval(tested: Any, level: float) -> Interval:
    low, high = tested.confidence_interval(level)
    return Interval(float(low), float(high), "t over seeds")
