"""From the values of arms to the effect of a contrast and its interval.

Raise `versions.ESTIMATOR` whenever the same values would give other results.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from research.claims.measure import Contrast
from research.claims.pool import Value
from research.stats import NO_INTERVAL, Interval, paired_difference

EXACT = "exact count"
DIGITS = 9  # after the point: rounding is no spread
WIDE = 1.959964  # standard deviations from the mean to an end of a 95 % interval

Values = Mapping[str, Mapping[int, Value]]  # arm → seed → value


class Estimate(NamedTuple):
    """What the data say of a contrast.

    Attributes:
      effect: mean over seeds; NaN where there are none.
      interval: 95 %, `NO_INTERVAL` where the data cannot say.
      p: two-sided, of an effect of `null`; None without an interval.
      seeds: that all arms have.
      missing: arms that have no row at all.
    """

    effect: float
    interval: Interval
    p: float | None
    seeds: int
    missing: tuple[str, ...]


def estimate(contrast: Contrast, values: Values, null: float = 0.0) -> Estimate:
    """Returns the effect of a contrast over the seeds that all its arms have.

    The interval is Student's over seeds. Where the seeds agree to the last digit,
    as a network that is always right does, it is made from the arms' intervals over
    examples, added up as if these were independent.

    Args:
      contrast: of arms.
      values: of its measure; see `Pool.values`.
      null: the effect that p is of.
    """
    found = {arm: values.get(arm, {}) for arm in contrast.arms}
    missing = tuple(arm for arm, seeds in found.items() if not seeds)
    seeds = sorted(set.intersection(*map(set, found.values())))
    effects = {
        seed: round(
            sum(w * found[arm][seed].value for arm, w in contrast.arms.items()),
            DIGITS,
        )
        for seed in seeds
    }
    if not seeds:
        return Estimate(np.nan, NO_INTERVAL, None, 0, missing)
    if contrast.measure.exact:
        mean = float(np.mean(list(effects.values())))
        interval = Interval(mean, mean, EXACT)
        return Estimate(mean, interval, float(mean == null), len(seeds), missing)
    tested = paired_difference(effects, dict.fromkeys(seeds, null))
    effect, (low, high, how) = tested.mean + null, tested.interval
    kind = "paired " if len(contrast.arms) > 1 else ""
    if how:
        interval = Interval(low + null, high + null, kind + how)
        return Estimate(effect, interval, tested.p, tested.n, missing)
    interval, p = estimate_over_examples(contrast, found, seeds, effect, null)
    return Estimate(effect, interval, p, tested.n, missing)


def estimate_over_examples(
    contrast: Contrast, values: Values, seeds: list[int], effect: float, null: float
) -> tuple[Interval, float | None]:
    """Returns the interval over examples, and p, of an effect that seeds share."""
    if len(seeds) < 2:
        return NO_INTERVAL, None
    down = up = 0.0
    for arm, weight in contrast.arms.items():
        known = [values[arm][seed] for seed in seeds]
        below = float(np.mean([one.value - one.low for one in known]))
        above = float(np.mean([one.high - one.value for one in known]))
        if weight < 0:
            below, above = above, below
        down, up = down + (weight * below) ** 2, up + (weight * above) ** 2
    if not np.isfinite(down + up):
        return NO_INTERVAL, None
    interval = Interval(
        effect - down**0.5, effect + up**0.5, "over examples, seeds being equal"
    )
    from scipy.special import ndtr

    reach = (down if effect > null else up) ** 0.5 / WIDE
    z = abs(effect - null) / reach if reach else np.inf
    return interval, float(2 * ndtr(-z)) if effect != null else 1.0
