"""The bootstrap over seeds crossed with examples (Owen & Eckles 2012, 1106.2125).

Every network sees the same test images, so its value is D[seed, example]; seeds i* and
examples j* are drawn independently, and a cell counts w_i·v_j times. All arms must be
in one table, or use the same numbers of seeds and examples and the same `seed`: then
they share resamples.

It is mildly conservative in theory, and no exact one exists (McCullagh 2000), but its
percentile intervals are short for few seeds. Where seeds make up 90 % of the variance
of a mean, nominal 95 % cover 85 % at 4 seeds, 91 % at 8 and at 10, 94 % at 16 (`python
-m research.stats.coverage`). So claims rest on t over seeds; this is for composite
statistics, and a check beside, from 8 seeds on.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int, Shaped

from research.stats.examples import draw_weights, percentile_interval
from research.stats.interval import LEVEL, NO_INTERVAL, Interval

HOW = "crossed bootstrap over seeds and examples"
CHUNK = 1 << 20  # weights of examples held in memory at once

OfSeeds = Int[np.ndarray, "draws seeds"]  # how often each is drawn
OfExamples = Int[np.ndarray, "draws examples"]
Statistic = Callable[[OfSeeds, OfExamples], np.ndarray]


def resample_crossed(
    statistic: Statistic,
    seeds: int,
    examples: int,
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> Float[np.ndarray, " {resamples} *columns"]:
    """Returns a statistic of resamples of seeds and, independently, of examples.

    Args:
      statistic: of a chunk of resamples: takes w (chunk, seeds) and v (chunk,
        examples), how often each seed and each example is drawn, and returns
        (chunk, …). Weigh cell (i, j) by w_i·v_j.
      seeds: how many.
      examples: how many.
      resamples: how many.
      seed: of the draws. It, and the numbers of seeds and examples, fix all weights.
    """
    rng, found = np.random.default_rng(seed), []
    seed_weights = draw_weights(rng, resamples, seeds)
    for start in range(0, resamples, rows := max(1, CHUNK // max(examples, 1))):
        chunk = seed_weights[start : start + rows]
        found.append(statistic(chunk, draw_weights(rng, len(chunk), examples)))
    return np.concatenate(found).astype(np.float64)


def resample_crossed_means(
    table: Shaped[np.ndarray, "seeds examples *columns"],
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> Float[np.ndarray, " {resamples} *columns"]:
    """Returns means over seeds × examples, Σ w_i·v_j·D[i, j] / (seeds · examples).

    The columns, such as arms, or flips and pairs, share all resamples: a difference or
    a ratio of columns is one of like with like.

    Args:
      table: finite numbers.
      resamples: how many means.
      seed: of the draws.
    """
    seeds, examples, *columns = table.shape
    by_example = table.swapaxes(0, 1).reshape(examples, -1).astype(np.float64)

    def average(w: OfSeeds, v: OfExamples) -> np.ndarray:
        sums = (v @ by_example).reshape(len(v), seeds, -1)
        return np.einsum("rs,rsc->rc", w, sums) / (seeds * examples)

    draws = resample_crossed(average, seeds, examples, resamples=resamples, seed=seed)
    return draws.reshape(resamples, *columns)


def crossed_interval(
    table: Shaped[np.ndarray, "seeds examples"],
    *,
    resamples: int = 2000,
    level: float = LEVEL,
    seed: int = 0,
) -> Interval:
    """Returns the percentile interval of the mean of D[seed, example].

    For other statistics: `percentile_interval` of `resample_crossed`.

    Args:
      table: arm A − arm B, finite, in any unit.
      resamples: how many.
      level: coverage aimed at.
      seed: of the draws.

    Returns:
      The interval; `NO_INTERVAL` for fewer than two seeds or examples, whose bootstrap
      has no width, and where all cells agree.
    """
    if min(table.shape) < 2:
        return NO_INTERVAL
    draws = resample_crossed_means(table, resamples=resamples, seed=seed)
    return percentile_interval(draws, level=level, how=HOW)
