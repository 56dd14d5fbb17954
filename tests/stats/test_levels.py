import numpy as np
import pytest
import scipy.stats

from research.stats import (
    NO_INTERVAL,
    compare_levels,
    correlate_pairs,
    leave_one_out,
    pair_by_seed,
    paired_difference,
    three_way,
)

RNG = np.random.default_rng(0)


def by_seed(values, start=0):
    return dict(enumerate(map(float, values), start))


def test_levels_that_share_seeds_are_paired():
    first, second = RNG.normal([[1.0], [0.4]], 0.2, (2, 8)) + RNG.normal(size=8)
    found = compare_levels(by_seed(first), by_seed(second))
    theirs = scipy.stats.ttest_rel(first, second)
    assert found.difference.p == pytest.approx(theirs.pvalue)
    interval = found.difference.interval
    assert interval[:2] == pytest.approx(tuple(theirs.confidence_interval(0.95)))
    assert interval.how == "paired t over seeds"
    assert found.depends and found.correlation > 0.5
    pearson = scipy.stats.pearsonr(first, second).statistic
    assert found.correlation == pytest.approx(pearson)
    assert compare_levels(by_seed(second), by_seed(first)).depends
    unpaired = compare_levels(by_seed(first), by_seed(second), paired=False)
    assert unpaired.difference.interval.how == "Welch's t over seeds"
    assert not unpaired.depends  # the shared part of the spread stays in


@pytest.mark.parametrize("spread", [0.7, 0.0])
def test_levels_without_shared_seeds_are_welch(spread):
    first, second = RNG.normal(1, 0.1, 6), 0.5 + spread * RNG.normal(size=9)
    found = compare_levels(by_seed(first), by_seed(second, start=100))
    assert found.difference.interval.how == "Welch's t over seeds"
    assert found.difference.n == 6 and np.isnan(found.correlation)
    if spread:
        theirs = scipy.stats.ttest_ind(first, second, equal_var=False)
        assert found.difference.p == pytest.approx(theirs.pvalue)
        ends = tuple(theirs.confidence_interval(0.95))
    else:  # one mean without error: Student's t of the other
        ends = scipy.stats.ttest_1samp(first, 0.5).confidence_interval(0.95)
        ends = tuple(end - 0.5 for end in ends)
    assert found.difference.interval[:2] == pytest.approx(ends)


def test_what_one_level_alone_shows_is_no_dependence():
    first, second = by_seed([1.0, 1.2, 0.9, 1.1]), by_seed([0.2, 2.0, -0.9, 1.5])
    assert three_way([*first.values()], 0.5).outcome == "superior"
    assert three_way([*second.values()], 0.5).outcome == "undetermined"
    assert not compare_levels(first, second).depends


@pytest.mark.parametrize("paired", [True, False, None])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {}),
        ({0: 1.0}, {0: 0.5}),
        ({0: 1.0, 1: 1.0}, {0: 0.0, 1: 0.0}),
        ({0: 1.0, 1: np.nan}, {0: 0.0, 1: 0.5}),
    ],
)
def test_without_spread_nothing_depends(first, second, paired):
    found = compare_levels(first, second, paired=paired)
    assert found.difference.interval is NO_INTERVAL
    assert found.difference.p == 1 and not found.depends


def test_pairs_are_of_shared_seeds_in_order():
    a, b = {2: 5.0, 0: 1.0, 9: 7.0}, {0: 0.5, 2: 1.0, 3: 8.0}
    assert pair_by_seed(a, b) == {0: 0.5, 2: 4.0}
    assert [*pair_by_seed(a, b)] == [0, 2]


def test_correlation_needs_three_pairs_and_spread():
    two = {0: 1.0, 1: 2.0}
    assert np.isnan(correlate_pairs(two, two))
    flat = dict.fromkeys(range(5), 1.0)
    assert np.isnan(correlate_pairs(flat, by_seed(RNG.normal(size=5))))
    line = by_seed([1.0, 2.0, 4.0])
    assert correlate_pairs(line, {s: -3 * v for s, v in line.items()}) == -1


def test_a_seed_that_turns_the_outcome_is_found():
    steady = by_seed([1.6, 1.5, 1.7, 1.55, 1.65])
    outlier = steady | {3: -1.0}

    def decide(kept):
        return three_way([*kept.values()], 1.0)

    assert leave_one_out(steady, decide).find_turning(lambda one: one.outcome) == []
    found = leave_one_out(outlier, decide)
    assert found.whole.outcome == "undetermined"
    assert found.find_turning(lambda one: one.outcome) == [3]
    assert found.without[3] == three_way([1.6, 1.5, 1.7, 1.65], 1.0)


def test_leaving_seeds_out_of_arms_leaves_them_out_of_pairs():
    a, b = RNG.normal(size=(2, 6))
    arms = {seed: (float(a[seed]), float(b[seed])) for seed in range(6)}

    def compare(kept):
        first = {seed: pair[0] for seed, pair in kept.items()}
        return paired_difference(first, {seed: pair[1] for seed, pair in kept.items()})

    found = leave_one_out(arms, compare)
    assert found.whole.n == 6 and [*found.without] == [*range(6)]
    jackknife = [(np.sum(a - b) - (a - b)[seed]) / 5 for seed in range(6)]
    assert [one.mean for one in found.without.values()] == pytest.approx(jackknife)
