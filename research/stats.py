"""Intervals and paired comparisons. Pure NumPy and SciPy, quick to import.

Two sources of spread are kept apart and named: the examples within one trained
network (`bootstrap_mean`) and the seeds of several (`t_interval`, `paired_difference`).
Where data cannot say how uncertain a mean is, the interval is `NO_INTERVAL`, never a
point.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

Values = Float[np.ndarray, " n"] | Int[np.ndarray, " n"] | Bool[np.ndarray, " n"]

LEVEL = 0.95
ROUNDING = 1e-14  # relative differences up to it are no spread
CHUNK = 1 << 20  # draws held in memory at once


class Interval(NamedTuple):
    """An interval and how it was made; `how` is empty where there is none."""

    low: float
    high: float
    how: str


NO_INTERVAL = Interval(np.nan, np.nan, "")


def bootstrap_mean(
    values: Values,
    *,
    bounds: tuple[float, float] | None = (0.0, 1.0),
    resamples: int = 2000,
    level: float = LEVEL,
    seed: int = 0,
) -> Interval:
    """Percentile bootstrap of a mean over examples (Efron 1979).

    Only the counts of the distinct values matter to a mean, and these are multinomial:
    for 0/1 data one binomial draw is a whole resample, in the same distribution.

    The bootstrap of equal values has no width, however few they are. Where all are at
    one of the bounds the exact binomial interval (Clopper & Pearson 1934) stands in: a
    quantity in [0, 1] with mean μ is 0 with probability at most 1 − μ, so it holds for
    any such quantity, |Δp| too. For other equal values there is no interval.

    Args:
      values: (n,) one finite value per example; their unit is the result's.
      bounds: the least and the largest value that there can be; None: it has no end.
      resamples: bootstrap means drawn.
      level: coverage aimed at.
      seed: of the draws, so that the same data give the same interval.

    Returns:
      The interval, named `bootstrap over examples` or `Clopper–Pearson over examples`;
      `NO_INTERVAL` for no values, non-finite ones, or equal ones off the bounds.
    """
    values = np.asarray(values, np.float64)
    if not values.size or not np.isfinite(values).all():
        return NO_INTERVAL
    support, counts = np.unique(values, return_counts=True)
    if support.size == 1:
        return _clopper_pearson(support[0], values.size, level, bounds)
    rng = np.random.default_rng(seed)
    # Drawing k multinomial counts costs about as much as drawing 10·k indices.
    few = 10 * support.size < values.size
    width = support.size if few else values.size
    means = []
    for start in range(0, resamples, rows := max(1, CHUNK // width)):
        draws = min(rows, resamples - start)
        if few:
            drawn = rng.multinomial(values.size, counts / values.size, size=draws)
            means.append(drawn @ support / values.size)
        else:
            drawn = rng.integers(values.size, size=(draws, values.size))
            means.append(values[drawn].mean(1))
    low, high = np.quantile(np.concatenate(means), _tails(level))
    return Interval(float(low), float(high), "bootstrap over examples")


def resample_sums(
    table: Shaped[np.ndarray, n * columns], *, resamples: int = 2000, seed: int = 0
) -> Float[np.ndarray, {resamples} * columns]:
    """Returns sums over examples drawn with replacement, n of n (Efron 1979).

    For statistics of sums, such as ratios of them: see `percentile_interval`.

    Args:
      table: a row of finite numbers per example.
      resamples: how many sums.
      seed: of the draws, so that the same number of examples gives the same ones.
    """
    count = len(table)
    flat = table.reshape(count, -1).astype(np.float64)
    rng, sums = np.random.default_rng(seed), []
    for start in range(0, resamples, rows := max(1, CHUNK // max(count, 1))):
        draws = min(rows, resamples - start)
        drawn = rng.integers(count, size=(draws, count))
        cells = (drawn + count * np.arange(draws)[:, None]).ravel()
        times = np.bincount(cells, minlength=draws * count).reshape(draws, count)
        sums.append(times @ flat)
    return np.concatenate(sums).reshape(resamples, *table.shape[1:])


def percentile_interval(
    draws: Float[np.ndarray, " resamples"], *, level: float = LEVEL
) -> Interval:
    """Returns the percentile interval of a statistic of `resample_sums`.

    Args:
      draws: the statistic of each resample; NaN where it has none, as the IoU of a
        class that no example drawn has: those do not count.
      level: coverage aimed at.

    Returns:
      The interval, named `bootstrap over examples`; `NO_INTERVAL` where all resamples
      give the same, which says nothing of other examples.
    """
    known = draws[~np.isnan(draws)]
    if not known.size or np.ptp(known) <= ROUNDING * np.abs(known).max():
        return NO_INTERVAL
    low, high = np.quantile(known, _tails(level))
    return Interval(float(low), float(high), "bootstrap over examples")


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


def paired_difference(
    a: Mapping[int, float], b: Mapping[int, float], *, level: float = LEVEL
) -> Difference:
    """Compares two arms by a paired t test over the seeds that both have.

    Args:
      a: seed → value of one arm.
      b: seed → value of the other.
      level: coverage aimed at.

    Returns:
      a − b. Where the differences have no spread, or there are fewer than two, there is
      no interval and p = 1: such data are no evidence. No pairs: the mean is NaN.
    """
    seeds = sorted(a.keys() & b.keys())
    differences = np.array([a[seed] - b[seed] for seed in seeds], np.float64)
    mean = float(differences.mean()) if seeds else np.nan
    tested = _t_test(differences)
    if tested is None:
        return Difference(mean, NO_INTERVAL, 1.0, len(seeds))
    return Difference(mean, _interval(tested, level), float(tested.pvalue), len(seeds))


def holm(pvalues: Sequence[float] | Values) -> Float[np.ndarray, " n"]:
    """Adjusts p values for their number: the step-down rule of Holm (1979).

    Args:
      pvalues: (n,) in [0, 1].

    Returns:
      (n,) adjusted values in the order given. Rejecting those at or below α keeps the
      chance of any false rejection at or below α, however they depend on one another.
    """
    pvalues = np.asarray(pvalues, np.float64)
    order = np.argsort(pvalues, kind="stable")
    steps = pvalues[order] * np.arange(pvalues.size, 0, -1)
    adjusted = np.empty_like(pvalues)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted


def _clopper_pearson(
    value: float, n: int, level: float, bounds: tuple[float, float] | None
) -> Interval:
    if bounds is None or value not in bounds:
        return NO_INTERVAL
    low, high = bounds
    reach = _tails(level)[0] ** (1 / n)  # the beta quantile in closed form at 0 and n
    how = "Clopper–Pearson over examples"
    if value == low:
        return Interval(low, low + (1 - reach) * (high - low), how)
    return Interval(low + reach * (high - low), high, how)


def _tails(level: float) -> tuple[float, float]:
    return (1 - level) / 2, (1 + level) / 2


def _t_test(values: Float[np.ndarray, " n"]) -> Any:
    """Returns SciPy's test of a mean of 0, or None where the spread says nothing."""
    if values.size < 2 or not np.isfinite(values).all():
        return None
    if np.ptp(values) <= ROUNDING * np.abs(values).max():
        return None
    from scipy.stats import ttest_1samp  # slow to import, and training needs no t

    return ttest_1samp(values, 0.0)


def _interval(tested: Any, level: float) -> Interval:
    low, high = tested.confidence_interval(level)
    return Interval(float(low), float(high), "t over seeds")
