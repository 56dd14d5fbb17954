import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, given
from hypothesis import strategies as st

from research.stats import (
    NO_INTERVAL,
    Interval,
    combine_any,
    combine_cases,
    combine_every,
    decide_by_interval,
    three_way,
)

MARGINS = [0.5, 0.0, (-0.2, 0.7), (-0.3, -0.3), (-0.4, math.inf)]


def one_sided(values, null, alternative):
    return scipy.stats.ttest_1samp(values, null, alternative=alternative).pvalue


def test_equals_scipy_paired():
    a, b = np.random.default_rng(0).normal([[0.6], [0.2]], 0.3, (2, 9))
    found = three_way(a - b, (-0.5, 0.1))
    greater, less = (
        {
            null: scipy.stats.ttest_rel(a - null, b, alternative=side).pvalue
            for null in (-0.5, 0.1)
        }
        for side in ("greater", "less")
    )
    assert found.p_plus == pytest.approx(greater[0.1])
    assert found.p_minus == pytest.approx(less[-0.5])
    assert found.p_equal == pytest.approx(max(greater[-0.5], less[0.1]))
    assert found.p == pytest.approx(
        min(1, 2 * min(greater[0.1], less[-0.5], found.p_equal))
    )
    theirs = scipy.stats.ttest_rel(a, b).confidence_interval(0.95)
    assert found.interval[:2] == pytest.approx(tuple(theirs))
    assert (found.mean, found.sd) == pytest.approx(
        (np.mean(a - b), np.std(a - b, ddof=1))
    )
    assert (found.n, found.margin) == (9, (-0.5, 0.1))


@pytest.mark.slow  # simulates thousands of outcomes
@pytest.mark.parametrize("margin", MARGINS, ids=str)
def test_an_outcome_is_what_p_at_the_margin_claims(margin):
    rng, seen = np.random.default_rng(0), set()
    for _ in range(400):
        values = rng.normal(rng.uniform(-1.5, 1.5), rng.exponential(0.4), 6)
        found = three_way(values, margin)
        assert (found.p <= 0.05) == (found.outcome != "undetermined")
        claims = {
            "superior": found.p_plus,
            "inferior": found.p_minus,
            "equivalent": found.p_equal,
        }
        if found.outcome != "undetermined":
            assert claims[found.outcome] == min(claims.values())
        seen.add(found.outcome)
    possible = {"superior", "inferior", "equivalent", "undetermined"}
    if margin in (0.0, (-0.3, -0.3)):
        possible -= {"equivalent"}
    if margin == (-0.4, math.inf):
        possible -= {"superior"}
    assert seen == possible


@given(
    st.lists(st.integers(-999, 999), min_size=2, max_size=12),
    st.integers(0, 900),
    st.sampled_from([1e-3, 0.25, 64.0]),
)
def test_arms_and_units_are_exchangeable(values, margin, unit):
    assume(np.ptp(values) > 0)
    found = three_way(np.array(values), float(margin))
    turned = three_way(-np.array(values), float(margin))
    other = {"superior": "inferior", "inferior": "superior"}
    ends = [abs(abs(end) - margin) for end in found.interval[:2]]
    assume(min(ends) > 1e-6)
    assert turned.outcome == other.get(found.outcome, found.outcome)
    assert turned.p == pytest.approx(found.p)
    scaled = three_way(np.array(values) * unit, margin * unit)
    assert scaled.outcome == found.outcome and scaled.p == pytest.approx(found.p)


def test_a_difference_at_the_margin_is_decided_once_in_twenty():
    values = np.random.default_rng(0).normal(1.0, 0.1, (1000, 8))
    found = [three_way(one, 1.0).outcome for one in values]
    shares = [found.count(one) / 1000 for one in ("superior", "equivalent")]
    assert shares == pytest.approx([0.025, 0.025], abs=0.0148)  # three standard errors


def test_log_ratios_are_decided_as_ratios():
    rates = np.array([[0.11, 0.13, 0.12, 0.115], [0.08, 0.083, 0.09, 0.08]])
    found = three_way(np.subtract(*np.log(rates)), math.log(1.1))
    assert found.outcome == "superior" and math.exp(found.interval.low) > 1.1
    assert three_way(np.subtract(*np.log(rates)), math.log(1.4)).p > 0.05


def test_non_inferiority_is_a_threshold():
    values = np.array([-0.1, 0.3, 0.9, 0.2, 0.4])
    assert three_way(values, 0.25).outcome == "undetermined"
    found = three_way(values, (-0.25, -0.25))
    assert found.outcome == "superior"
    assert found.p == pytest.approx(2 * one_sided(values, -0.25, "greater"))


@pytest.mark.parametrize(
    "values",
    [
        [],
        [0.4],
        [0.0, 0.0, 0.0],
        [0.91 - 0.9, 0.82 - 0.81, 0.11 - 0.1],  # equal but for rounding
        [0.3, np.nan, 0.2],
        [0.3, np.inf],
    ],
    ids=str,
)
def test_without_spread_nothing_is_decided(values):
    found = three_way(np.array(values, np.float64), 0.005)
    assert found.interval is NO_INTERVAL
    assert (found.outcome, found.p, found.p_equal) == ("undetermined", 1.0, 1.0)
    assert found.n == len(values)


@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        (2.0, "superior"),
        (-2.0, "inferior"),
        (0.5, "equivalent"),
        (1.0, "undetermined"),
    ],
)
def test_exact_differences_are_points(value, outcome):
    found = three_way([value] * 3, 1.0, exact=True)
    assert found.interval == Interval(value, value, "exact")
    assert found.outcome == outcome
    assert found.p == (outcome == "undetermined")


def test_exact_differences_that_differ_are_refused():
    with pytest.raises(ValueError, match="exact differences are equal"):
        three_way([1.0, 1.1], 1.0, exact=True)
    assert three_way([], 1.0, exact=True).outcome == "undetermined"


@pytest.mark.parametrize("margin", [-0.1, (0.2, 0.1), math.nan])
def test_a_margin_needs_its_ends_in_order(margin):
    with pytest.raises(ValueError, match="low ≤ high"):
        three_way([0.1, 0.2], margin)


def test_any_interval_is_decided_alike():
    assert decide_by_interval(Interval(0.2, 0.4, "x"), 0.1) == "superior"
    assert decide_by_interval(Interval(-0.4, -0.2, "x"), 0.1) == "inferior"
    assert decide_by_interval(Interval(-0.4, -0.2, "x"), 0.5) == "equivalent"
    assert decide_by_interval(Interval(-0.4, 0.2, "x"), 0.3) == "undetermined"
    assert decide_by_interval(NO_INTERVAL, 9.0) == "undetermined"


def test_a_claim_of_several_cases_needs_every_case():
    rng = np.random.default_rng(0)
    strong, weak = rng.normal(2, 0.1, 6), rng.normal(2, 0.5, 6)
    cases = [three_way(one, 1.0) for one in (strong, weak)]
    together = combine_cases(cases)
    assert together[:2] == (cases[1].p, "superior") and cases[1].p > cases[0].p
    opposed = combine_cases([cases[0], three_way(-strong, 1.0)])
    assert opposed.outcome == "undetermined" and opposed.p > 0.99
    unsure = combine_cases([cases[0], three_way([0.0, 3.0, 1.0], 1.0)])
    assert unsure.outcome == "undetermined" and unsure.p > 0.05
    with pytest.raises(ValueError, match="at least one case"):
        combine_cases([])


def test_all_cases_are_alike_or_one_differs_whichever_way():
    rng = np.random.default_rng(0)
    alike = [three_way(rng.normal(0, 0.1, 10), 1.0) for _ in range(3)]
    assert combine_any(alike) == combine_cases(alike)
    assert combine_any(alike).outcome == "equivalent"
    for sign in (1, -1):
        far = three_way(sign * rng.normal(2, 0.1, 10), 1.0)
        found = combine_any([*alike, far])
        assert found.outcome == "different" and found.p == pytest.approx(4 * far.p)
    opposed = combine_any(
        [three_way(sign * rng.normal(2, 0.1, 9), 1.0) for sign in (1, -1)]
    )
    assert opposed.outcome == "different"


def test_every_case_is_more_or_one_is_less():
    """More of all but one, and no less of that one, says nothing."""
    rng = np.random.default_rng(0)
    more = [three_way(rng.normal(2, 0.1, 10), 1.0) for _ in range(3)]
    assert combine_every(more) == combine_cases(more)
    assert combine_every(more).outcome == "superior"
    alike, less = (three_way(rng.normal(at, 0.1, 10), 1.0) for at in (0, -2))
    assert combine_every([*more, alike]).outcome == "undetermined"
    found = combine_every([*more, less])
    assert found.outcome == "inferior" and found.p == pytest.approx(4 * less.p)
    assert "times" in found.p_is and "largest" in combine_every(more).p_is


def test_whether_any_case_differs_is_corrected_for_their_number():
    """Of twelve cases at the margin one lies beyond it in 5 % of trials at most."""
    rng = np.random.default_rng(0)
    trials = 120
    found = [
        combine_any([three_way(rng.normal(1, 0.5, 10), 1.0) for _ in range(12)])
        for _ in range(trials)
    ]
    wrong = sum(one.outcome == "different" for one in found)
    assert wrong <= 0.05 * trials + 3 * math.sqrt(0.05 * trials)
    assert wrong > 0  # about half as many: those that lie beyond, not within
    unsure = combine_any([three_way([0.0, 3.0, 1.0], 1.0)])
    assert unsure.outcome == "undetermined" and unsure.p > 0.05
