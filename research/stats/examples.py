"""Intervals over the examples of one trained network: the bootstrap (Efron 1979)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int, Shaped

from research.stats.interval import (
    LEVEL,
    NO_INTERVAL,
    Interval,
    Values,
    has_spread,
    tails,
)

CHUNK = 1 << 20  # draws held in memory at once


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
    low, high = np.quantile(np.concatenate(means), tails(level))
    return Interval(float(low), float(high), "bootstrap over examples")


def resample_sums(
    table: Shaped[np.ndarray, " n *columns"], *, resamples: int = 2000, seed: int = 0
) -> Float[np.ndarray, " {resamples} *columns"]:
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
        sums.append(draw_weights(rng, draws, count) @ flat)
    return np.concatenate(sums).reshape(resamples, *table.shape[1:])


def draw_weights(
    rng: np.random.Generator, draws: int, count: int
) -> Int[np.ndarray, "{draws} {count}"]:
    """Returns how often each of `count` things is drawn, `count` times in each draw."""
    drawn = rng.integers(count, size=(draws, count))
    cells = (drawn + count * np.arange(draws)[:, None]).ravel()
    return np.bincount(cells, minlength=draws * count).reshape(draws, count)


def percentile_interval(
    draws: Float[np.ndarray, " resamples"],
    *,
    level: float = LEVEL,
    how: str = "bootstrap over examples",
) -> Interval:
    """Returns the percentile interval of a statistic of resamples.

    Args:
      draws: the statistic of each resample; NaN where it has none, as the IoU of a
        class that no example drawn has: those do not count.
      level: coverage aimed at.
      how: the resamples were made.

    Returns:
      The interval; `NO_INTERVAL` where all resamples give the same, which says nothing
      of other data.
    """
    known = draws[~np.isnan(draws)]
    if not has_spread(known):
        return NO_INTERVAL
    low, high = np.quantile(known, tails(level))
    return Interval(float(low), float(high), how)


def _clopper_pearson(
    value: float, n: int, level: float, bounds: tuple[float, float] | None
) -> Interval:
    if bounds is None or value not in bounds:
        return NO_INTERVAL
    low, high = bounds
    reach = tails(level)[0] ** (1 / n)  # the beta quantile in closed form at 0 and n
    how = "Clopper–Pearson over examples"
    if value == low:
        return Interval(low, low + (1 - reach) * (high - low), how)
    return Interval(low + reach * (high - low), high, how)
