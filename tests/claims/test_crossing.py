"""How many images an arm needs, read from a curve."""

import math

import pytest
from pools import Made, claim

from research.claims.crossing import find_crossing
from research.claims.judge import judge_claim
from research.claims.measure import ACCURACY, Crossing, less
from research.claims.question import Question
from research.claims.rule import MORE_THAN

CURVES = {one: {300: f"{one}3", 1000: f"{one}4"} for one in "ab"}
ARMS = [arm for curve in CURVES.values() for arm in curve.values()]
NEEDED = Crossing("images needed", CURVES, ACCURACY, 95.0)


def test_a_curve_is_crossed_between_two_numbers():
    found = find_crossing({1000: 97.0, 300: 93.0, 3000: 90.0}, 95.0)
    assert found == pytest.approx((math.log2(300) + math.log2(1000)) / 2)
    assert find_crossing({300: 96.0, 1000: 97.0}, 95.0) == pytest.approx(math.log2(300))
    assert find_crossing({300: 90.0, 1000: 94.9}, 95.0) is None


def test_a_claim_compares_the_numbers_that_arms_need():
    asked = claim(
        {
            "": Question(
                "a less b", {"": less("a", "b", NEEDED)}, 1.0, "Why.", MORE_THAN
            )
        },
        ARMS,
    )
    assert asked.primary == tuple(ARMS)
    made = Made(asked)
    for arm, mean in zip(ARMS, (90.0, 96.0, 95.5, 99.0), strict=True):
        made.values(arm, ACCURACY, mean, 0.01)
    one = judge_claim("c7", asked, made.pool()).answers[0]
    expected = math.log2(1000 / 300) * 5 / 6
    assert one.first.effect == pytest.approx(expected, abs=0.01)
    assert one.verdict == "supported"


def test_a_seed_that_never_gets_there_has_no_value():
    asked = claim(
        {
            "": Question(
                "a less b", {"": less("a", "b", NEEDED)}, 1.0, "Why.", MORE_THAN
            )
        },
        ARMS,
    )
    made = Made(asked)
    for arm in ARMS:
        made.values(arm, ACCURACY, 90.0 if arm.startswith("a") else 97.0, 0.01)
    found = judge_claim("c7", asked, made.pool())
    assert found.verdict == "not run" and "“a”" in found.remarks[0]
