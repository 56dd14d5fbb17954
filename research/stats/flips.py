"""How often a classification changes under a shift: rates near 0 and their ratios.

A normal interval on a rate near 0 covers far too seldom, and flips pooled over seeds
hide that seeds differ. So each seed gives ℓ = log((k + ½)/(n + 1)) of its k flips among
n pairs of views, and arms are compared by Student's t on ℓ_A − ℓ_B over seeds. At ten
seeds it covers 94–96 % down to 4 flips of 8,000 (`python -m research.stats.coverage`).
With fewer flips the halves draw the ratio to 1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Integer

from research.stats.interval import LEVEL, NO_INTERVAL, Interval
from research.stats.matched import right_in_all
from research.stats.seeds import t_interval


class MatchedFlips(NamedTuple):
    """Flips of several arms on the images that all of them classify correctly.

    Attributes:
      flips: k of each arm and seed.
      pairs: n of each seed: pairs of views, the same for all arms.
      examples: images of each seed; the pairs of one image are not independent.
    """

    flips: Int[np.ndarray, " arms *seeds"]
    pairs: Int[np.ndarray, "*seeds"]
    examples: Int[np.ndarray, "*seeds"]


def count_matched_flips(
    flips: Integer[np.ndarray, "arms *seeds examples"],
    predictions: Integer[np.ndarray, "arms *seeds examples"],
    labels: Integer[np.ndarray, " examples"],
    pairs: int,
) -> MatchedFlips:
    """Counts flips on the images that all arms classify correctly, seed by seed.

    Args:
      flips: how many of an image's pairs of views differ in top-1, over all distances.
      predictions: top-1 of the unshifted images.
      labels: of the images.
      pairs: of views drawn of each image.

    Raises:
      ValueError: an image has more flips than pairs, or fewer than none.
    """
    if flips.size and not 0 <= flips.min() <= flips.max() <= pairs:
        span = f"{flips.min()} to {flips.max()}"
        raise ValueError(f"an image of {pairs} pairs cannot have {span} flips")
    kept = right_in_all(predictions, labels)
    examples = np.asarray(kept.sum(-1))
    counted = np.where(kept, flips, 0).sum(-1, dtype=np.int64)
    return MatchedFlips(counted, pairs * examples, examples)


def log_flip_rate(
    flips: Integer[np.ndarray, "*arms_and_seeds"], pairs: Integer[np.ndarray, "*seeds"]
) -> Float[np.ndarray, "*arms_and_seeds"]:
    """Returns ℓ = log((k + ½)/(n + 1)), natural logarithm; NaN where n = 0.

    Args:
      flips: k, with an axis of arms before that of seeds or without.
      pairs: n.

    Raises:
      ValueError: k is negative or above n.
    """
    if ((flips < 0) | (flips > pairs)).any():
        raise ValueError("flips do not lie between 0 and the number of pairs")
    return np.where(pairs > 0, np.log((flips + 0.5) / (pairs + 1)), np.nan)


class Ratio(NamedTuple):
    """Ratio of the flip rates of two arms, A over B, and its interval."""

    ratio: float
    interval: Interval


def flip_ratio(
    first: Float[np.ndarray, " seeds"],
    second: Float[np.ndarray, " seeds"],
    *,
    level: float = LEVEL,
) -> Ratio:
    """Returns exp of the mean of ℓ_A − ℓ_B, paired by seed, and of its t interval.

    Args:
      first: ℓ of arm A, see `log_flip_rate`.
      second: ℓ of arm B, of the same seeds in the same order.
      level: coverage aimed at.

    Returns:
      The ratio of geometric means. Where the differences have no spread, as where no
      arm flips at all, there is no interval: see `bound_flip_rate`.
    """
    logs = first - second
    ratio = float(np.exp(logs.mean())) if logs.size else np.nan
    interval = t_interval(logs, level=level)
    if not interval.how:
        return Ratio(ratio, NO_INTERVAL)
    low, high = (float(end) for end in np.exp(interval[:2]))
    return Ratio(ratio, Interval(low, high, "t over seeds, of log rates"))


def bound_flip_rate(examples: int, *, level: float = LEVEL) -> float:
    """Returns the upper bound where no flip was seen: 1 − (α/2)^{1/n}.

    About 3.7/n at 95 % (Clopper & Pearson 1934, two-sided), of one network: the share
    of images that flip, as the shifts of one image are not independent.

    Args:
      examples: n images, not pairs of views; none: the bound is 1.
      level: coverage aimed at.
    """
    return 1 - ((1 - level) / 2) ** (1 / examples) if examples else 1.0
