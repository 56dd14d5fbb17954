"""From the values of arms to the effect of a contrast, its interval and its outcome.

Raise `versions.ESTIMATOR` whenever the same values would give other results.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from research.claims.claim import Claim
from research.claims.measure import Contrast, Flips, Timed
from research.claims.pool import Pool, Values
from research.stats import (
    NO_INTERVAL,
    Interval,
    LeaveOneOut,
    ThreeWay,
    correlate_pairs,
    decide_by_interval,
    leave_one_out,
    three_way,
)

EXACT = "exact count"
OVER_EXAMPLES = "over examples, seeds being equal"
DIGITS = 9  # after the point: rounding is no spread
WIDE = 1.959964  # standard deviations from the mean to an end of a 95 % interval
FEWEST = 3  # seeds from which on leaving one out says something


class Estimate(NamedTuple):
    """What the data say of a contrast.

    Attributes:
      differences: seed → effect, of the seeds that all arms have.
      test: of these against the margin.
      missing: arms that have no row at all.
      turning: seeds without each of which the outcome is another.
      correlation: of two arms over seeds; NaN for more or fewer.
      crossed: of the bootstrap over seeds × examples, `NO_INTERVAL` where that says
        nothing.
      timed: whether repeats of a measurement stand in for seeds.
    """

    differences: Mapping[int, float]
    test: ThreeWay
    missing: tuple[str, ...]
    turning: tuple[int, ...] = ()
    correlation: float = np.nan
    crossed: Interval = NO_INTERVAL
    timed: bool = False

    @property
    def how(self) -> str:
        """Names the interval: `paired t over 10 seeds`; empty where there is none."""
        how = self.test.interval.how
        return re.sub("seeds|repeats", rf"{self.test.n} \g<0>", how, count=1)


def estimate(
    pool: Pool, claim: Claim, contrast: Contrast, ends: tuple[float, float]
) -> Estimate:
    """Returns the effect of a contrast over the seeds that all its arms have.

    The interval is Student's over seeds. Where the seeds agree to the last digit, as a
    network that is always right does, it is made from the arms' intervals over
    examples, added up as if these were independent.

    Args:
      pool: of the runs.
      claim: whose arms they are.
      contrast: of arms.
      ends: of the margin, in the unit of the measure.
    """
    values = pool.values(claim, contrast)
    found = {arm: values.get(arm, {}) for arm in contrast.arms}
    missing = tuple(arm for arm, seeds in found.items() if not seeds)
    differences = subtract(contrast, found)
    if contrast.measure.exact:
        test = three_way([*differences.values()], ends, exact=True)
        if differences:
            test = test._replace(interval=test.interval._replace(how=EXACT))
        return Estimate(differences, test, missing)
    whole = test_seeds(contrast, found, differences, ends)
    left: LeaveOneOut[ThreeWay] = leave_one_out(
        differences, lambda some: test_seeds(contrast, found, some, ends)
    )
    turning = left.find_turning(lambda one: one.outcome) if whole.n >= FEWEST else []
    pairs = [{seed: one.value for seed, one in arm.items()} for arm in found.values()]
    return Estimate(
        differences,
        whole,
        missing,
        tuple(turning),
        correlate_pairs(*pairs) if len(pairs) == 2 else np.nan,
        pool.resample(claim, contrast) if differences else NO_INTERVAL,
        isinstance(contrast.measure, Timed),
    )


def count_fewest(cases: Iterable[Estimate]) -> int | None:
    """Returns the fewest seeds of several contrasts; None where no seeds count."""
    counts = [
        one.test.n
        for one in cases
        if one.differences and one.how != EXACT and not one.timed
    ]
    return min(counts, default=None)


def subtract(contrast: Contrast, values: Values) -> dict[int, float]:
    """Returns seed → weighted sum over arms, of the seeds that all of them have."""
    shared = sorted(set.intersection(*map(set, values.values())))
    return {
        seed: round(
            contrast.base
            + sum(w * values[arm][seed].value for arm, w in contrast.arms.items()),
            DIGITS,
        )
        for seed in shared
    }


def test_seeds(
    contrast: Contrast,
    values: Values,
    differences: Mapping[int, float],
    ends: tuple[float, float],
) -> ThreeWay:
    """Tests differences over seeds, or over examples where the seeds agree."""
    test = three_way([*differences.values()], ends)
    if test.interval.how:
        kind = "paired " if len(contrast.arms) > 1 else ""
        how = kind + test.interval.how
        if isinstance(contrast.measure, Timed):  # repeats stand in for seeds
            how = how.replace("seeds", "repeats")
        return test._replace(interval=test.interval._replace(how=how))
    if len(differences) < 2 or isinstance(contrast.measure, Flips):
        return test
    down, up = spread_over_examples(contrast, values, [*differences])
    if not 0 < down + up < np.inf:
        return test
    from scipy.special import ndtr

    interval = Interval(test.mean - down, test.mean + up, OVER_EXAMPLES)
    low, high = ends

    def above(end: float) -> float:
        reach = down if test.mean > end else up
        if not reach:  # at the bound of its measure: beyond it there is nothing
            return float(test.mean <= end)
        return float(ndtr((end - test.mean) / (reach / WIDE)))

    plus, minus = above(high), 1 - above(low)
    equal = max(above(low), 1 - above(high))
    return test._replace(
        interval=interval,
        p_plus=plus,
        p_minus=minus,
        p_equal=equal,
        p=min(1.0, 2 * min(plus, minus, equal)),
        outcome=decide_by_interval(interval, ends),
    )


def spread_over_examples(
    contrast: Contrast, values: Values, seeds: list[int]
) -> tuple[float, float]:
    """Returns how far the interval over examples reaches below and above the effect."""
    down = up = 0.0
    for arm, weight in contrast.arms.items():
        known = [values[arm][seed] for seed in seeds]
        below = float(np.mean([one.value - one.low for one in known]))
        above = float(np.mean([one.high - one.value for one in known]))
        if weight < 0:
            below, above = above, below
        down, up = down + (weight * below) ** 2, up + (weight * above) ** 2
    return down**0.5, up**0.5
