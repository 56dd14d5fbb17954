import math

import numpy as np
import pytest
import scipy.stats

from research.stats import (
    bound_sd,
    count_seeds,
    find_clearance,
    find_power,
    find_widest_sd,
    first_step_level,
    holm,
    may_stay_undetermined,
    three_way,
)

HOLM = first_step_level(9)


@pytest.mark.parametrize("n", [2, 3, 10, 400])
@pytest.mark.parametrize("effect", [-0.4, 0.5, 1.4])
def test_superiority_is_the_noncentral_t(n, effect):
    found = find_power(effect, 0.7, n, 0.3)
    t = scipy.stats.t.ppf(0.975, n - 1)
    above, below = ((side * effect - 0.3) * n**0.5 / 0.7 for side in (1, -1))
    assert found.superior == pytest.approx(
        scipy.stats.nct.sf(t, n - 1, above), abs=1e-7
    )
    assert found.inferior == pytest.approx(
        scipy.stats.nct.sf(t, n - 1, below), abs=1e-7
    )


@pytest.mark.slow  # simulates thousands of claims
@pytest.mark.parametrize(
    ("effect", "sd", "n", "margin"),
    [
        (0.0, 0.5, 8, 0.5),
        (0.3, 0.4, 12, 0.6),
        (1.1, 0.8, 6, 0.3),
        (0.2, 0.5, 10, (-1.0, 0.4)),
        (0.0, 1.0, 5, (-0.8, -0.8)),
        (0.1, 0.6, 6, (-0.5, math.inf)),
    ],
)
def test_chances_are_those_of_simulated_decisions(effect, sd, n, margin):
    values = np.random.default_rng(0).normal(effect, sd, (1200, n))
    found = [three_way(one, margin).outcome for one in values]
    expected = find_power(effect, sd, n, margin)
    for chance, outcome in zip(
        expected, ("superior", "inferior", "equivalent"), strict=True
    ):
        error = 3.5 * math.sqrt(max(chance * (1 - chance), 1e-3) / 1200)
        assert found.count(outcome) / 1200 == pytest.approx(chance, abs=error)
    assert 0 <= expected.decided <= 1


def test_ten_seeds_decide_what_the_programme_says():
    # CLAIMS, protocol 7: 1.5 standard deviations beyond the margin; sd below .6 of it
    assert find_clearance(10, level=HOLM) == pytest.approx(1.46, abs=0.005)
    assert find_widest_sd(10, level=HOLM) == pytest.approx(0.611, abs=0.001)
    # a claim that no other is corrected with
    assert find_clearance(10) == pytest.approx(1.0, abs=0.005)
    assert find_widest_sd(10) == pytest.approx(0.867, abs=0.001)


@pytest.mark.slow  # simulates thousands of claims
def test_clearance_and_sd_by_simulation_at_the_first_step_of_holm():
    rng = np.random.default_rng(0)
    clear = rng.normal(1 + 1.46, 1, (1500, 10))
    alike = rng.normal(0, 0.611, (1500, 10))
    for values, outcome in ((clear, "superior"), (alike, "equivalent")):
        found = [three_way(one, 1.0) for one in values]
        decided = [
            one.outcome == outcome and holm([one.p], family=9)[0] <= 0.05
            for one in found
        ]
        assert np.mean(decided) == pytest.approx(0.8, abs=0.035)


@pytest.mark.parametrize(
    ("n", "widest"), [(4, 0.63), (5, 0.81), (8, 1.20), (12, 1.57), (16, 1.88)]
)
def test_equivalence_is_impossible_for_wide_samples(n, widest):
    values = np.linspace(-1, 1, n)
    values *= widest / values.std(ddof=1)
    assert three_way(values * 0.99, 1.0).outcome == "equivalent"
    assert three_way(values * 1.02, 1.0).outcome == "undetermined"
    assert find_widest_sd(n) < widest


@pytest.mark.parametrize(("effect", "sd"), [(1.5, 0.6), (0.0, 0.9), (-2.0, 3.0)])
def test_seeds_are_the_fewest_that_suffice(effect, sd):
    n = count_seeds(effect, sd, 1.0)
    assert find_power(effect, sd, n, 1.0).decided >= 0.8
    assert n == 2 or find_power(effect, sd, n - 1, 1.0).decided < 0.8
    assert count_seeds(effect, sd, 1.0, level=HOLM) > n
    assert count_seeds(effect, sd, 1.0, power=0.95) > n


def test_no_number_of_seeds_decides_at_a_margin():
    assert count_seeds(1.0, 0.5, 1.0) is None
    assert count_seeds(1.0, 0.0, 0.5) is None
    assert count_seeds(1.0, math.nan, 0.5) is None


def test_a_pilot_says_what_may_stay_undetermined():
    assert not may_stay_undetermined(1 + 1.5 * 0.4, 0.4, 10, 1.0, level=HOLM)
    assert may_stay_undetermined(1 + 1.4 * 0.4, 0.4, 10, 1.0, level=HOLM)
    assert not may_stay_undetermined(0.0, 0.6, 10, 1.0, level=HOLM)
    assert may_stay_undetermined(0.0, 0.62, 10, 1.0, level=HOLM)
    assert may_stay_undetermined(0.0, 0.0, 10, 1.0)
    assert may_stay_undetermined(5.0, math.nan, 10, 1.0)


def test_power_needs_a_spread_and_two_seeds():
    for sd, n in ((0.0, 5), (math.nan, 5), (1.0, 1)):
        with pytest.raises(ValueError, match="sd > 0 and two seeds"):
            find_power(1.0, sd, n, 0.5)


def test_a_bound_of_the_spread_holds_at_its_confidence():
    assert bound_sd(1.0, 3) == pytest.approx(2.1, abs=0.02)
    sds = np.random.default_rng(0).normal(0, 2, (4000, 4)).std(1, ddof=1)
    held = np.mean([bound_sd(float(one), 4) >= 2 for one in sds])
    assert held == pytest.approx(0.8, abs=0.02)
    assert bound_sd(1.0, 1) == math.inf
