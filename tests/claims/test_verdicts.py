"""Every rule on rows whose outcome is known, and what a verdict must say."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pools import Made, claim, compose
from scipy.stats import ttest_rel

from research import claims
from research.claims.estimate import estimate
from research.claims.family import CONFIRMATORY, REPLICATION
from research.claims.judge import adjust, judge_claim, verdicts
from research.claims.measure import Measure, between, less, only
from research.claims.pool import gather
from research.claims.question import Question
from research.claims.rule import (
    DIFFERENCE,
    EVERY,
    LESS_THAN,
    MORE_THAN,
    MOST,
    NO_WORSE,
    SAME,
)
from research.claims.verdict import Verdict
from research.errors import UserError

POINTS = Measure("x", "points", "some", "thing", {"at": 3}, scale=100.0)
OTHER = replace(POINTS, params={"at": 4})
COUNT = Measure("n", "doublings", "cost", "parameters", log2=True, exact=True)


def question(cases=None, rule=DIFFERENCE, margin=1.0, **given):
    cases = {"": less("a", "b", POINTS)} if cases is None else cases
    return Question("a less b", cases, margin, "A reason.", rule, **given)


def judged(effect, *, spread=0.1, **given):
    """The answer where arm a has so much more than arm b."""
    asked = claim({"": question(**given)})
    made = Made(asked)
    made.values("a", POINTS, 50 + effect, spread)
    made.values("b", POINTS, 50.0, spread)
    return judge_claim("c2", asked, made.pool()).answers[0]


@pytest.mark.parametrize(
    "rule, above, within, below",
    [
        (DIFFERENCE, "supported", "no difference", "refuted"),
        (SAME, "refuted", "supported", "refuted"),
        (EVERY, "refuted", "supported", "refuted"),
        (MOST, "supported", "undetermined", "refuted"),
        (NO_WORSE, "supported", "supported", "refuted"),
        (MORE_THAN, "supported", "refuted", "refuted"),
        (LESS_THAN, "refuted", "supported", "supported"),
    ],
    ids=lambda one: getattr(one, "name", one),
)
def test_each_rule(rule, above, within, below):
    found = [judged(effect, rule=rule).verdict for effect in (2, 0, -2)]
    assert found == [above, within, below]
    edge = -1 if rule is NO_WORSE else 1
    assert judged(edge, rule=rule, spread=1.0).verdict == "undetermined"
    assert judged(0, rule=rule, spread=9.0).verdict == "undetermined"


def test_a_sentence_about_every_case_falls_with_one_whichever_way():
    """Three cases, of which one is above the margin and one below it."""
    cases = {f"{a}{b}": less(a, b, POINTS) for a, b in ("ab", "ac", "bc")}
    asked = claim(
        {
            "": question(cases, SAME, family=CONFIRMATORY),
            "again": question(cases, EVERY, afterwards=True),
            "one": question({"bc": cases["bc"]}, EVERY, afterwards=True),
        },
        arms="abc",
    )
    made = Made(asked)
    for arm, value in {"a": 50, "b": 48, "c": 52}.items():
        made.values(arm, POINTS, value, 0.1)
    registered, again, one = judge_claim("c2", asked, made.pool()).answers
    assert registered.verdict == "undetermined" and registered.p > 0.99
    assert again.verdict == "refuted" and again.p < 0.001 and "times" in again.p_is
    assert again.repeats and not registered.repeats and not one.repeats
    assert one.verdict == "refuted" and not one.p_is


def test_the_numbers_are_those_of_a_paired_t_test():
    asked = claim({"": question()})
    made, rng = Made(asked), np.random.default_rng(1)
    values = {arm: rng.random(10) for arm in "ab"}
    for arm, several in values.items():
        for seed, value in enumerate(several):
            made.row(arm, seed, POINTS, 100 * value)
            made.row(arm, seed, OTHER, 9.0)
    pool = made.pool()
    one = judge_claim("c2", asked, pool).answers[0]
    theirs = ttest_rel(100 * values["a"], 100 * values["b"])
    interval = theirs.confidence_interval()
    np.testing.assert_allclose([one.first.low, one.first.high], interval, rtol=1e-6)
    assert one.first.effect == pytest.approx(100 * (values["a"] - values["b"]).mean())
    assert one.first.interval == "paired t over 10 seeds"
    assert one.first.correlation == pytest.approx(np.corrcoef(*values.values())[0, 1])
    shifted = [
        ttest_rel(100 * values["a"], 100 * values["b"] + side, alternative=way).pvalue
        for side, way in ((1, "greater"), (-1, "less"))
    ]
    inside = max(
        ttest_rel(100 * values["a"], 100 * values["b"] + side, alternative=way).pvalue
        for side, way in ((1, "less"), (-1, "greater"))
    )
    assert one.p == pytest.approx(min(1, 2 * min(*shifted, inside)))


def test_a_question_of_several_cases_needs_all_of_them():
    cases = {"one": less("a", "b", POINTS), "two": less("c", "b", POINTS)}
    asked = claim({"": question(cases)}, "abc")
    for third, verdict in ((55, "supported"), (50, "undetermined")):
        made = Made(asked)
        for arm, mean in zip("abc", (55, 50, third), strict=True):
            made.values(arm, POINTS, mean)
        one = judge_claim("c2", asked, made.pool()).answers[0]
        assert one.verdict == verdict and len(one.cases) == 2
        assert one.p is not None and (one.p < 1e-6) == (verdict == "supported")


def test_it_depends_only_where_the_levels_differ_beyond_doubt():
    cases = {"flat": less("a", "b", POINTS), "global": less("c", "b", POINTS)}
    asked = claim({"": question(cases, factor="head")}, "abc")
    for means, spread, verdict in (
        ((55, 50, 50), 0.1, "depends: head"),
        ((55, 50, 45), 0.1, "depends: head"),
        ((51.8, 50, 51.2), 1.0, "undetermined"),
        ((55, 50, 51), 0.1, "undetermined"),  # one of them lies across the margin
        ((55, 50, 54), 0.1, "supported"),
    ):
        made = Made(asked)
        for arm, mean in zip("abc", means, strict=True):
            made.values(arm, POINTS, mean, spread)
        one = judge_claim("c2", asked, made.pool()).answers[0]
        assert one.verdict == verdict
        assert one.interaction[:2] == ("flat", "global")


def test_counts_are_exact_and_depend_without_a_test():
    cases = {"flat": less("a", "b", COUNT), "global": less("c", "b", COUNT)}
    asked = claim({"": question(cases, MORE_THAN, factor="head")}, "abc")
    made = Made(asked)
    for arm, log2 in zip("abc", (6, 4, 4), strict=True):
        made.row(arm, 0, COUNT, log2)
    one = judge_claim("c2", asked, made.pool()).answers[0]
    assert one.verdict == "depends: head" and one.p is None
    assert one.first.interval == "exact count" and one.first.effect == 2


def test_seeds_that_agree_to_the_last_digit_have_an_interval_over_examples():
    """As where one network is always right and the other guesses."""
    asked = claim({"": question(rule=MORE_THAN, margin=5.0)})
    for reach, verdict in ((2.0, "supported"), (5.0, "undetermined")):
        made = Made(asked)
        for seed in range(10):
            made.row("a", seed, POINTS, 58.0, 58 - reach, 58.0)
            made.row("b", seed, POINTS, 50.0, 50.0, 51.5)
        one = judge_claim("c2", asked, made.pool()).answers[0]
        assert one.verdict == verdict and "over examples" in one.first.interval
        assert one.first.low == pytest.approx(8 - np.hypot(reach, 1.5))
        assert one.first.high == pytest.approx(8.0)


def test_an_arm_at_its_bound_has_the_p_of_its_outcome():
    """As a network that is always right: its interval has no upper part."""
    contrast = only("a", POINTS, above=100.0)
    asked = claim({"": question({"": contrast}, margin=1.0)}, "a")
    made = Made(asked)
    for seed in range(10):
        made.row("a", seed, POINTS, 100.0, 99.8, 100.0)
    found = estimate(made.pool(), asked, contrast, (-1.0, 1.0)).test
    assert found.outcome == "equivalent" and "over examples" in found.interval.how
    assert found.p_plus == 1 and found.p_equal < 1e-6 and found.p < 1e-6


def test_a_contrast_may_be_of_two_measures_and_a_base():
    asked = claim(
        {
            "": question({"": between("a", POINTS, OTHER)}),
            "level": question({"": only("a", POINTS, above=95.0)}, LESS_THAN, 0.0),
        },
        "a",
    )
    made = Made(asked)
    made.values("a", POINTS, 97.0)
    made.values("a", OTHER, 90.0)
    first, second = judge_claim("c2", asked, made.pool()).answers
    assert first.first.effect == pytest.approx(7) and first.verdict == "supported"
    assert second.first.effect == pytest.approx(2) and second.verdict == "refuted"


def test_a_condition_that_fails_leaves_it_undetermined():
    loss = replace(POINTS, measure="loss")
    asked = claim({"": question(conditions=(only("a", loss),), limit=0.01)})
    for value, verdict in ((0.005, "supported"), (0.5, "undetermined")):
        made = Made(asked)
        made.values("a", POINTS, 55.0)
        made.values("b", POINTS, 50.0)
        made.values("a", loss, value, 0.001)
        assert judge_claim("c2", asked, made.pool()).verdict == verdict


def test_what_is_missing_is_said_and_decides_nothing():
    asked = claim({"": question()})
    made = Made(asked)
    made.values("a", POINTS, 55.0)
    found = judge_claim("c2", asked, made.pool())
    assert found.verdict == "not run" and found.answers[0].first.effect is None
    assert "No rows of 1 arms that are compared, such as “b”" in found.remarks[0]
    assert "experiment=c2 scale=cpu" in found.remarks[0]
    made.values("b", POINTS, 50.0, seeds=range(4))
    found = judge_claim("c2", asked, made.pool())
    assert found.verdict == "undetermined: 4 of 10 seeds"
    assert found.answers[0].first.n == 4
    assert "4 of 10 seeds that were registered." in found.remarks


def test_the_seed_that_turns_an_outcome_is_named():
    asked = claim({"": question()})
    made = Made(asked)
    for seed in range(10):
        made.row("a", seed, POINTS, 51.5 if seed != 3 else 49.0)
        made.row("b", seed, POINTS, 50.0 + 0.01 * seed)
    found = judge_claim("c2", asked, made.pool())
    one = found.answers[0].first
    assert one.outcome == "undetermined" and one.turning == (3,)
    assert "Without seed 3 an outcome would be another." in found.remarks
    assert one.needed is not None and one.needed > 10


def test_holm_is_over_the_registered_family():
    """A p of about .01 alone is ten times as much among nine."""
    found = judged(1.45, spread=0.45, family=CONFIRMATORY)
    assert found.verdict == "supported" and 0.05 / CONFIRMATORY.size < found.p < 0.05
    assert adjust(found, found.p).verdict == "supported"
    corrected = adjust(found, CONFIRMATORY.size * found.p)
    assert corrected.verdict == "undetermined" and corrected.adjusted > 0.05
    for kept in ("not run", "depends: head"):
        assert adjust(replace(found, verdict=kept), 1.0).verdict == kept


def test_all_claims_are_judged_and_nine_questions_are_confirmatory():
    known = {name: claims.load()[name] for name in claims.ids()}
    confirmatory = [
        f"{name}{key}"
        for name, one in known.items()
        for key, each in one.questions.items()
        if each.family == CONFIRMATORY
    ]
    assert len(confirmatory) == CONFIRMATORY.size == 9
    again = known["b7"].questions.values()
    assert {one.family for one in again} == {REPLICATION}
    assert len(again) == REPLICATION.size
    made = Made(known["c4"])
    (contrast,) = known["c4"].questions[""].cases.values()
    for arm in contrast.arms:
        made.values(arm, contrast.measure, 99.0, 0.05)
    found = {one.id: one for one in verdicts(made.pool())}
    assert list(found) == [name.upper() for name in known] and len(found) == 18
    assert found["C4"].verdict == "supported"
    p, adjusted = found["C4"].answers[0].p, found["C4"].answers[0].adjusted
    assert adjusted == pytest.approx(9 * p)
    assert found["B6"].verdict == found["B8"].verdict == "descriptive"
    assert {found[one].verdict for one in ("C1", "C3", "B1")} == {"not run"}


def test_nothing_is_decided_before_all_registered_seeds_are_run():
    """A hundred margins, and no p for Holm's rule, which would count it."""
    asked = claim({"": question(family=CONFIRMATORY)})
    for count, verdict in ((9, "undetermined: 9 of 10 seeds"), (10, "supported")):
        made = Made(asked)
        for arm, mean in {"a": 90.0, "b": 50.0}.items():
            made.values(arm, POINTS, mean, seeds=range(count))
        found = judge_claim("c2", asked, made.pool())
        (one,) = found.answers
        assert one.verdict == verdict and found.kind == verdict.partition(":")[0]
        assert (one.p is None) == (count == 9) and one.first.low > 1


def test_a_measure_is_one_row_of_a_run():
    asked = claim({"": question({"": less("a", "b", replace(POINTS, params={}))})})
    made = Made(asked)
    for arm in "ab":
        made.row(arm, 0, POINTS, 9.0)
    judge_claim("c2", asked, made.pool())
    made.row("a", 0, OTHER, 9.0)
    with pytest.raises(UserError, match="^x: several rows of a run have .*any params"):
        judge_claim("c2", asked, made.pool())


def test_families_are_corrected_apart(monkeypatch):
    """Each by its registered size, whatever came of the other."""
    one = replace(judged(1.45, spread=0.45, family=CONFIRMATORY), p=0.004)
    two = replace(one, p=0.01, family=REPLICATION)
    none = replace(one, p=0.5, family=None)

    def judge(name, pool):
        answers = {"c4": (one,), "b7": (two, none, two)}.get(name, ())
        return Verdict(name, "It is.", "Asked.", answers)

    monkeypatch.setattr("research.claims.judge.judge", judge)
    pool = made_of(claim({"": question()})).pool()
    found = {one.id: one.answers for one in verdicts(pool)}
    assert found["c4"][0].adjusted == pytest.approx(9 * 0.004)
    assert [one.adjusted for one in found["b7"]] == [pytest.approx(0.04), None, 0.04]


def test_what_the_runs_knew_of_the_claim_is_stated():
    asked = claim({"": question()})
    now = judge_claim("c2", asked, made_of(asked).pool()).fingerprint
    for known, remark in [
        ({"c2": now}, "All 20 runs carry the fingerprint"),
        ({"c2": "0" * 64}, "All 20 runs carry another"),
        ({"c3": now}, "All 20 runs carry another"),
        (None, "All 20 runs carry another fingerprint of it, or none"),
    ]:
        text = " ".join(
            judge_claim("c2", asked, made_of(asked, fingerprints=known).pool()).remarks
        )
        assert remark in text and "modified checkout" not in text
    dirty = judge_claim("c2", asked, made_of(asked, dirty=True).pool())
    assert "20 were made from a modified checkout" in " ".join(dirty.remarks)


def made_of(asked, **known):
    made = Made(asked)
    for arm in "ab":
        for seed in range(10):
            made.run(arm, seed, **known)
        made.values(arm, POINTS, 50.0)
    return made


def test_rows_of_another_split_decide_nothing():
    asked = claim({"": question()})
    tables = made_of(asked).tables()
    rows = tables.rows.assign(split="validation", value=0.0)
    both = pd.concat([tables.rows, rows], ignore_index=True)
    mixed = tables._replace(rows=both)
    one, two = (gather(each, compose=compose) for each in (tables, mixed))
    assert judge_claim("c2", asked, one) == judge_claim("c2", asked, two)


def test_an_estimate_keeps_its_differences():
    asked = claim({"": question()})
    made = Made(asked)
    for seed, (a, b) in enumerate([(51.0, 50.0), (53.0, 50.5)]):
        made.row("a", seed, POINTS, a)
        made.row("b", seed, POINTS, b)
    one = estimate(made.pool(), asked, less("a", "b", POINTS), (-1.0, 1.0))
    assert one.differences == {0: 1.0, 1: 2.5} and one.missing == ()
