"""Flips are compared on the images that all arms of a contrast have right."""

import math

import numpy as np
import pytest
from pools import PAIRS, Made, claim

from research.claims.judge import judge_claim
from research.claims.measure import MOVED, WRAPPED, Contrast, less
from research.claims.question import Question
from research.errors import UserError

ASKED = claim(
    {"": Question("a over b", {"": less("a", "b", MOVED)}, math.log(1.1), "Why not.")},
    "abc",
)


def made(**rates):
    found = Made(ASKED)
    for arm, rate in rates.items():
        found.flips(arm, "window", rate)
    return found


def arrays(pool_of, arm, seed):
    return {
        one["name"]: one["array"]
        for one in pool_of.kept
        if one["path"] == f"{arm}/{seed}"
    }


def test_values_are_those_counted_by_hand():
    runs = made(a=0.3, b=0.1, c=0.2)
    pool = runs.pool()
    three = Contrast({"a": 1.0, "b": -0.5, "c": -0.5}, MOVED)
    for contrast in (less("a", "b", MOVED), three):
        found = pool.values(ASKED, contrast)
        for seed in (0, 7):
            kept = {arm: arrays(runs, arm, seed) for arm in contrast.arms}
            right = np.all(
                [one["predictions"] == one["labels"] for one in kept.values()], 0
            )
            assert 0 < right.sum() < right.size
            for arm, one in kept.items():
                k, n = int(one["flips"][right].sum()), PAIRS * int(right.sum())
                expected = math.log((k + 0.5) / (n + 1))
                assert found[arm][seed].value == pytest.approx(expected)
    # Another set of arms, other images: the same arm has another value.
    alone = pool.values(ASKED, less("a", "b", MOVED))["a"][0].value
    assert pool.values(ASKED, three)["a"][0].value != alone


def test_the_verdict_is_of_the_ratio_and_the_bootstrap_agrees():
    for second, verdict in ((0.2, "supported"), (0.3, "no difference")):
        answer = judge_claim("c3", ASKED, made(a=0.3, b=second).pool()).answers[0]
        assert answer.verdict == verdict
        one = answer.first
        assert one.effect == pytest.approx(math.log(0.3 / second), abs=0.03)
        low, high = one.crossed
        assert low < one.effect < high
        assert 0.5 < (high - low) / (one.high - one.low) < 3


def test_another_kind_of_shift_and_missing_arms_have_no_values():
    pool = made(a=0.3).pool()
    assert pool.values(ASKED, less("a", "b", WRAPPED)) == {}
    assert set(pool.values(ASKED, less("a", "b", MOVED))) == {"a"}
    found = judge_claim("c3", ASKED, pool)
    assert found.verdict == "not run" and "“b”" in found.remarks[0]


def test_seeds_that_one_arm_lacks_are_left_out():
    runs = made(a=0.3)
    runs.flips("b", "window", 0.2, seeds=range(4))
    one = judge_claim("c3", ASKED, runs.pool()).answers[0].first
    assert one.n == 4 and one.crossed is None  # too few seeds for the bootstrap


def test_arms_that_were_measured_on_different_numbers_of_images_are_named():
    runs = made(a=0.3, b=0.1)
    for one in runs.kept:
        if one["path"].startswith("b/"):
            one["array"] = one["array"][:-1]
    with pytest.raises(UserError, match="flips of a and b: measured on .* images"):
        runs.pool().values(ASKED, less("a", "b", MOVED))
