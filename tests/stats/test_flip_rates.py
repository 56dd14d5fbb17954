import math

import numpy as np
import pytest
import scipy.stats

from research.stats import (
    NO_INTERVAL,
    bound_flip_rate,
    count_matched_flips,
    flip_ratio,
    log_flip_rate,
    mean_over_kept,
    right_in_all,
)

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 3, 40)
PREDICTIONS = RNG.integers(0, 3, (2, 5, 40))  # arms, seeds, examples
FLIPS = RNG.integers(0, 9, (2, 5, 40)).astype(np.uint8)


def test_flips_are_of_images_that_both_arms_have_right():
    counted = count_matched_flips(FLIPS, PREDICTIONS, LABELS, 8)
    for seed in range(5):
        kept = [
            j
            for j in range(40)
            if PREDICTIONS[0, seed, j] == PREDICTIONS[1, seed, j] == LABELS[j]
        ]
        assert counted.examples[seed] == len(kept) > 0
        assert counted.pairs[seed] == 8 * len(kept)
        for arm in range(2):
            expected = sum(int(FLIPS[arm, seed, j]) for j in kept)
            assert counted.flips[arm, seed] == expected


def test_one_seed_is_one_count_and_bytes_do_not_overflow():
    counted = count_matched_flips(
        np.full((2, 100), 200, np.uint8),
        np.zeros((2, 100), int),
        np.zeros(100, int),
        200,
    )
    assert counted.flips.tolist() == [20_000, 20_000]
    assert (counted.pairs, counted.examples) == (20_000, 100)


@pytest.mark.parametrize("wrong", [-1, 9])
def test_an_image_has_as_many_flips_as_pairs_at_most(wrong):
    flips = FLIPS.astype(int)
    flips[1, 2, 3] = wrong
    with pytest.raises(ValueError, match="8 pairs cannot have"):
        count_matched_flips(flips, PREDICTIONS, LABELS, 8)


def test_accuracy_over_matched_images():
    kept = right_in_all(PREDICTIONS, LABELS)
    right = PREDICTIONS[0] == LABELS
    np.testing.assert_array_equal(mean_over_kept(right, kept), np.ones(5))
    shares = mean_over_kept(FLIPS[1], kept)
    np.testing.assert_allclose(shares[3], FLIPS[1, 3][kept[3]].mean())
    assert np.isnan(mean_over_kept(right, np.zeros_like(kept))).all()


def test_the_log_rate_is_finite_without_flips():
    logs = log_flip_rate(np.array([0, 3, 8, 0]), np.array([9, 9, 8, 0]))
    expected = [math.log(0.05), math.log(0.35), math.log(8.5 / 9)]
    np.testing.assert_allclose(logs[:3], expected)
    assert np.isnan(logs[3])
    with pytest.raises(ValueError, match="number of pairs"):
        log_flip_rate(np.array([3]), np.array([2]))


def test_a_ratio_is_of_pairs_of_seeds():
    pairs = np.array([900, 1000, 1100, 950])
    flips = np.array([[30, 41, 38, 52], [20, 25, 29, 33]])
    a, b = log_flip_rate(flips, pairs)
    ratio, interval = flip_ratio(a, b)
    theirs = scipy.stats.ttest_rel(a, b).confidence_interval(0.95)
    assert ratio == pytest.approx(
        scipy.stats.gmean((flips[0] + 0.5) / (flips[1] + 0.5))
    )
    assert interval[:2] == pytest.approx((math.exp(theirs.low), math.exp(theirs.high)))
    inverse = flip_ratio(b, a)
    assert inverse.ratio == pytest.approx(1 / ratio)
    assert inverse.interval.low == pytest.approx(1 / interval.high)


def test_no_flips_at_all_have_a_bound_and_no_ratio():
    logs = log_flip_rate(np.zeros((2, 6), int), np.full(6, 8000))
    assert flip_ratio(*logs).interval is NO_INTERVAL
    for images in (1, 30, 1000):
        exact = scipy.stats.binomtest(0, images).proportion_ci(method="exact")
        assert bound_flip_rate(images) == pytest.approx(exact.high)
    assert bound_flip_rate(1000) == pytest.approx(3.7 / 1000, rel=0.01)
    assert bound_flip_rate(0) == 1
