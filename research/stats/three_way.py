"""A difference against a margin: superior, inferior, equivalent or undetermined.

With paired differences d_i of n seeds, mean d̄, se = s/√n, ν = n − 1 and margins
(low, high), (−δ, δ) as a rule, in the unit of d:

- p₊, of H₀: μ ≤ high, is P(t_ν ≥ (d̄ − high)/se);
- p₋, of H₀: μ ≥ low, is P(t_ν ≤ (d̄ − low)/se);
- p₌, of H₀: μ ≤ low or μ ≥ high, is the larger of P(t_ν ≥ (d̄ − low)/se) and
  P(t_ν ≤ (d̄ − high)/se): two one-sided tests (Schuirmann 1987).

At a margin two of the three nulls hold at once, so each is rejected at α/2 and
p = min(1, 2·min(p₊, p₋, p₌)). So p ≤ .05 exactly where the 95 % interval lies beyond a
margin or between both. (Equivalence by the 90 % interval, Lakens 2017, is more liberal:
it has no claim of superiority beside it.)

The seeds of a claim share their test images, so all of this is about new seeds on these
images; `crossed_interval` is about new images, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from research.stats.interval import LEVEL, NO_INTERVAL, Interval, Values
from research.stats.seeds import t_interval

Outcome = Literal["superior", "inferior", "equivalent", "undetermined"]
Margin = float | tuple[float, float]  # δ for (−δ, δ), or both ends

EXACT = "exact"
ROUNDING_OF_MARGIN = 1e-9  # spread up to this share of a margin is none


class PValues(NamedTuple):
    """One-sided p of the three nulls, see the module."""

    plus: float
    minus: float
    equal: float

    @property
    def claim(self) -> float:
        """The p of whichever outcome is claimed: min(1, 2·min)."""
        return min(1.0, 2 * min(self))


NO_EVIDENCE = PValues(1.0, 1.0, 1.0)
LEAST = "the smallest over the cases, times their number"


class ThreeWay(NamedTuple):
    """What the differences say against a margin.

    Attributes:
      mean: d̄, in the unit of the differences; NaN without any.
      sd: s with n − 1 in the denominator; NaN below two finite differences.
      n: how many differences.
      margin: both ends, in the same unit.
      interval: of the mean; `NO_INTERVAL` where the data cannot say.
      p_plus: one-sided, of a mean at or below the upper margin.
      p_minus: one-sided, of a mean at or above the lower margin.
      p_equal: of a mean at or beyond a margin.
      p: of the outcome, two-sided: what Holm's rule takes.
      outcome: by the interval.
    """

    mean: float
    sd: float
    n: int
    margin: tuple[float, float]
    interval: Interval
    p_plus: float
    p_minus: float
    p_equal: float
    p: float
    outcome: Outcome


def three_way(
    differences: Sequence[float] | Values,
    margin: Margin,
    *,
    level: float = LEVEL,
    exact: bool = False,
) -> ThreeWay:
    """Decides between superior, inferior, equivalent and undetermined.

    Log ratios are differences like others: give ℓ_A − ℓ_B and log 1.1.

    Measured differences that all agree have no interval, p = 1 and are undetermined:
    their spread is hidden by the resolution of the measure, not absent. Where both arms
    are always right, say, use `decide_by_interval` with an interval over examples.

    Args:
      differences: (n,) one per seed.
      margin: δ ≥ 0 for (−δ, δ), or (low, high). Equal ends are a threshold: with
        (−δ, −δ), `superior` says "not worse by δ", and nothing is equivalent.
      level: of the interval.
      exact: the differences are counts, or follow from a theorem: all are equal, the
        interval is that point, and p is 0 or 1.

    Raises:
      ValueError: the margin's ends are in the wrong order, or exact differences differ.
    """
    values = np.asarray(differences, np.float64)
    ends = margin_ends(margin)
    mean = float(values.mean()) if values.size else np.nan
    finite = values.size > 1 and np.isfinite(values).all()
    sd = float(values.std(ddof=1)) if finite else np.nan
    if exact:
        interval, p = _decide_exactly(values, ends)
    else:
        known = not _agree(values, ends)
        interval = t_interval(values, level=level) if known else NO_INTERVAL
        p = _t_pvalues(mean, sd, values.size, ends) if interval.how else NO_EVIDENCE
    outcome = decide_by_interval(interval, ends)
    return ThreeWay(mean, sd, values.size, ends, interval, *p, p.claim, outcome)


def decide_by_interval(interval: Interval, margin: Margin) -> Outcome:
    """Returns where an interval lies; `NO_INTERVAL` is undetermined."""
    low, high = margin_ends(margin)
    if interval.low > high:
        return "superior"
    if interval.high < low:
        return "inferior"
    if interval.low > low and interval.high < high:
        return "equivalent"
    return "undetermined"


class Combined(NamedTuple):
    """What several cases of one claim say together.

    Attributes:
      p: of the outcome.
      outcome: that all cases have, or `different`: not all are equivalent.
      p_is: which of the cases' p that is, in words.
    """

    p: float
    outcome: Outcome | Literal["different"]
    p_is: str = "the largest over the cases"


def combine_cases(cases: Sequence[ThreeWay]) -> Combined:
    """Returns an outcome that every case has, and its p: intersection–union test.

    A claim of several cases needs each of them, at the same level, so each one-sided p
    is the largest over the cases (Berger 1982); p is twice the least of the three.

    Raises:
      ValueError: there are no cases.
    """
    if not cases:
        raise ValueError("a claim needs at least one case")
    worst = PValues(
        max(one.p_plus for one in cases),
        max(one.p_minus for one in cases),
        max(one.p_equal for one in cases),
    )
    found = {one.outcome for one in cases}
    return Combined(worst.claim, found.pop() if len(found) == 1 else "undetermined")


def combine_any(cases: Sequence[ThreeWay], *, level: float = LEVEL) -> Combined:
    """Returns whether all cases are equivalent, or any is not, and its p.

    That all are needs each of them (`combine_cases`). That they are not needs one that
    lies beyond a margin, on whichever side, at a level that is corrected for their
    number (Bonferroni): p is that number times the least of 2·min(p₊, p₋).

    Args:
      cases: of one claim.
      level: 1 − α.

    Raises:
      ValueError: there are no cases.
    """
    alike = combine_cases(cases)
    if alike.outcome == "equivalent":
        return alike
    p = _correct_least([min(one.p_plus, one.p_minus) for one in cases])
    return Combined(p, "different" if p <= 1 - level else "undetermined", LEAST)


def combine_every(cases: Sequence[ThreeWay], *, level: float = LEVEL) -> Combined:
    """Returns whether every case is superior, or any is inferior, and its p.

    As `combine_any`: that every one is needs each of them, and that not every one is
    needs one below the margin, at a level corrected for their number.

    Args:
      cases: of one claim.
      level: 1 − α.

    Raises:
      ValueError: there are no cases.
    """
    alike = combine_cases(cases)
    if alike.outcome == "superior":
        return alike
    p = _correct_least([one.p_minus for one in cases])
    return Combined(p, "inferior" if p <= 1 - level else "undetermined", LEAST)


def margin_ends(margin: Margin) -> tuple[float, float]:
    """Returns (low, high): (−δ, δ) of one number δ.

    Raises:
      ValueError: low is not at most high.
    """
    low, high = margin if isinstance(margin, tuple) else (-margin, margin)
    if not low <= high:
        raise ValueError(f"the margin runs from {low} to {high}: give low ≤ high")
    return float(low), float(high)


def _correct_least(pvalues: Sequence[float]) -> float:
    """Returns the two-sided p of the least of some one-sided ones, by Bonferroni."""
    return min(1.0, 2 * len(pvalues) * min(pvalues))


def _agree(values: np.ndarray, ends: tuple[float, float]) -> bool:
    """Returns whether differences differ by rounding alone, on the margin's scale."""
    if not np.isfinite(values).all():
        return False
    scale = max((abs(end) for end in ends if np.isfinite(end)), default=0.0)
    return not values.size or bool(np.ptp(values) <= ROUNDING_OF_MARGIN * scale)


def _t_pvalues(mean: float, sd: float, n: int, ends: tuple[float, float]) -> PValues:
    from scipy.stats import t

    low, high = ((mean - end) / (sd / n**0.5) for end in ends)
    above_low, below_high = t.sf(low, n - 1), t.cdf(high, n - 1)
    return PValues(
        float(t.sf(high, n - 1)),
        float(t.cdf(low, n - 1)),
        float(max(above_low, below_high)),
    )


def _decide_exactly(
    values: np.ndarray, ends: tuple[float, float]
) -> tuple[Interval, PValues]:
    """Returns the point that all differences are, and p of 0 or 1."""
    if not values.size:
        return NO_INTERVAL, NO_EVIDENCE
    value = float(values[0])
    if not np.allclose(values, value, rtol=1e-12, atol=0):
        raise ValueError(f"exact differences are equal, these are not: {values}")
    low, high = ends
    p = PValues(
        float(value <= high), float(value >= low), float(not low < value < high)
    )
    return Interval(value, value, EXACT), p
