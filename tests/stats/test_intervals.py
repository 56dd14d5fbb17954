import subprocess
import sys

import numpy as np
import pytest
import scipy.stats

from research.stats import (
    NO_INTERVAL,
    bootstrap_mean,
    paired_difference,
    percentile_interval,
    resample_sums,
    t_interval,
)


@pytest.mark.parametrize(
    "values",
    [
        np.arange(300) % 3 == 0,  # few distinct values: multinomial counts
        np.random.default_rng(0).exponential(size=300),  # all distinct: indices
    ],
    ids=["proportion", "continuous"],
)
def test_bootstrap_equals_scipy(values):
    low, high, how = bootstrap_mean(values, resamples=20_000)
    theirs = scipy.stats.bootstrap(
        (values.astype(float),), np.mean, n_resamples=20_000, method="percentile", rng=1
    ).confidence_interval
    width = theirs.high - theirs.low
    assert how == "bootstrap over examples"
    assert low == pytest.approx(theirs.low, abs=0.04 * width)
    assert high == pytest.approx(theirs.high, abs=0.04 * width)


def test_bootstrap_in_chunks_is_in_one_distribution(monkeypatch):
    values = np.random.default_rng(0).normal(size=50)
    whole = bootstrap_mean(values, resamples=4000)
    monkeypatch.setattr("research.stats.examples.CHUNK", 170)
    chunked = bootstrap_mean(values, resamples=4000)
    assert chunked[:2] == pytest.approx(whole[:2], abs=0.05)


def test_bootstrap_covers_at_its_level():
    rng = np.random.default_rng(0)
    covered = []
    for trial in range(400):
        low, high, _ = bootstrap_mean(rng.random(200) < 0.8, resamples=500, seed=trial)
        covered.append(low <= 0.8 <= high)
    assert 0.91 < np.mean(covered) < 0.98


def test_bootstrap_is_repeatable():
    values = np.arange(40) / 40
    assert bootstrap_mean(values) == bootstrap_mean(values)


@pytest.mark.parametrize("n", [1, 360])
@pytest.mark.parametrize("value", [0, 1])
def test_equal_proportions_get_the_exact_interval(value, n):
    low, high, how = bootstrap_mean(np.full(n, value))
    exact = scipy.stats.binomtest(value * n, n).proportion_ci(method="exact")
    assert (low, high) == pytest.approx((exact.low, exact.high))
    assert how == "Clopper–Pearson over examples"


def test_bounds_scale_the_exact_interval():
    unit = bootstrap_mean(np.zeros(7))
    low, high, how = bootstrap_mean(np.ones(7), bounds=(1.0, 10.0))
    assert (low, high) == pytest.approx((1.0, 1 + 9 * unit.high)) and how == unit.how
    low, high, _ = bootstrap_mean(np.full(7, 10.0), bounds=(1.0, 10.0))
    assert (low, high) == pytest.approx((10 - 9 * unit.high, 10.0))
    assert bootstrap_mean(np.zeros(7), bounds=None) is NO_INTERVAL
    assert bootstrap_mean(np.ones(7), bounds=(0.0, 5.0)) is NO_INTERVAL


@pytest.mark.parametrize("values", [[0.5] * 9, [], [1.0, np.nan], [0.0, np.inf]])
def test_no_interval_where_data_cannot_give_one(values):
    assert bootstrap_mean(np.array(values, np.float64)) is NO_INTERVAL


def test_t_interval_equals_scipy():
    values = [0.91, 0.93, 0.96]
    low, high, how = t_interval(values)
    sem = scipy.stats.sem(values)
    theirs = scipy.stats.t.interval(0.95, 2, loc=np.mean(values), scale=sem)
    assert (low, high) == pytest.approx(theirs)
    assert (high - low) / 2 / sem == pytest.approx(4.303, abs=1e-3)
    assert how == "t over seeds"


@pytest.mark.parametrize(
    "values",
    [
        [],
        [0.9],
        [1.0, 1.0, 1.0],
        [0.9, np.nan],
        [np.inf] * 2,
        [0.1 + 0.2, 0.3],
        [0.0, 0.0],
    ],
)
def test_t_interval_needs_spread(values):
    assert t_interval(values) is NO_INTERVAL


def test_paired_difference_equals_scipy_and_pairs_by_seed():
    a = {2: 0.95, 0: 0.90, 1: 0.93, 7: 0.1}
    b = {0: 0.88, 1: 0.92, 2: 0.91, 8: 0.9}
    theirs = scipy.stats.ttest_rel([a[s] for s in range(3)], [b[s] for s in range(3)])
    ours = paired_difference(a, b)
    assert ours.n == 3
    assert ours.p == pytest.approx(theirs.pvalue)
    assert ours.mean == pytest.approx((0.02 + 0.01 + 0.04) / 3)
    assert ours.interval[:2] == pytest.approx(tuple(theirs.confidence_interval()))


def test_paired_difference_without_spread_is_no_evidence():
    same = paired_difference({0: 1.0, 1: 1.0}, {0: 0.5, 1: 0.5})
    assert (same.mean, same.interval, same.p) == (0.5, NO_INTERVAL, 1.0)
    assert np.isnan(paired_difference({0: 1.0}, {1: 1.0}).mean)


def draw_counts():
    rng = np.random.default_rng(0)
    return np.stack([rng.integers(0, 9, 60), rng.integers(10, 30, 60)], 1)


def test_the_bootstrap_of_a_ratio_of_sums_equals_scipy():
    table = draw_counts()
    draws = resample_sums(table, resamples=20_000)
    low, high, how = percentile_interval(draws[:, 0] / draws[:, 1])
    theirs = scipy.stats.bootstrap(
        tuple(table.T),
        lambda a, b, axis: a.sum(axis) / b.sum(axis),
        paired=True,
        n_resamples=20_000,
        method="percentile",
        rng=1,
    ).confidence_interval
    width = theirs.high - theirs.low
    assert how == "bootstrap over examples"
    assert low == pytest.approx(theirs.low, abs=0.04 * width)
    assert high == pytest.approx(theirs.high, abs=0.04 * width)


def test_resampled_sums_are_of_as_many_examples(monkeypatch):
    of_ones = resample_sums(np.ones((7, 2, 3), int), resamples=9)
    np.testing.assert_array_equal(of_ones, np.full((9, 2, 3), 7))
    table = draw_counts()
    whole = resample_sums(table, resamples=4000)
    monkeypatch.setattr("research.stats.examples.CHUNK", 170)
    chunked = resample_sums(table, resamples=4000)
    assert chunked.shape == whole.shape
    np.testing.assert_allclose(chunked.mean(0), whole.mean(0), rtol=0.01)


def test_no_spread_is_no_interval_and_no_statistic_does_not_count():
    assert percentile_interval(np.ones(50)) == NO_INTERVAL
    assert percentile_interval(np.full(50, np.nan)) == NO_INTERVAL
    values = np.arange(100.0)
    mixed = np.where(values < 50, values, np.nan)
    assert percentile_interval(mixed) == percentile_interval(values[:50])


def test_scipy_waits_until_it_is_needed():
    code = "import sys, research.stats; sys.exit('scipy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
