"""Every claim's rule on rows whose verdict is known."""

import numpy as np
import pandas as pd
import pytest
from pools import COLUMNS, above, below, levels, pool, row, run, tables
from scipy.stats import ttest_rel

from research import claims
from research.claims.claim import NO_OTHER_REASON, Claim
from research.claims.estimate import estimate
from research.claims.judge import judge, judge_claim, verdicts
from research.claims.measure import Measure, less
from research.claims.rule import combine, correct, decide
from research.errors import UserError
from research.stats import NO_INTERVAL, Interval

CLAIMS = claims.load()
SEVERAL = [name for name, one in CLAIMS.items() if len(one.contrasts) > 1]


def judged(name, wanted, **how):
    return judge(name, pool(*tables(CLAIMS[name], wanted, **how)))


@pytest.mark.parametrize("name", CLAIMS)
def test_an_effect_above_the_margin_supports(name):
    claim = CLAIMS[name]
    verdict = judged(name, levels(claim, above(claim)), spread=claim.margin / 1e3)
    assert verdict.verdict == "supported"
    assert verdict.low > verdict.margin and verdict.n == 5
    assert verdict.effect == pytest.approx(above(claim), rel=0.01, abs=1e-3)
    assert verdict.p < 0.05 / len(CLAIMS)
    assert len(verdict.fingerprint) == 64 and name in verdict.command


@pytest.mark.parametrize("name", CLAIMS)
def test_an_effect_below_the_margin_refutes(name):
    claim = CLAIMS[name]
    for effect in (claim.threshold - 0.1 * claim.margin, below(claim)):
        verdict = judged(name, levels(claim, effect), spread=claim.margin / 1e3)
        assert verdict.verdict == "refuted"


@pytest.mark.parametrize("name", SEVERAL)
def test_levels_that_disagree_depend_on_the_factor(name):
    claim = CLAIMS[name]
    effects = [below(claim), *[above(claim)] * (len(claim.contrasts) - 1)]
    verdict = judged(name, levels(claim, *effects), spread=claim.margin / 1e3)
    assert verdict.verdict == f"depends: {claim.factor}"
    assert "refuted" in verdict.remarks[0] and "supported" in verdict.remarks[0]
    assert [case.name for case in verdict.cases] == list(claim.contrasts)


@pytest.mark.parametrize("name", sorted(CLAIMS.keys() - {"c1", "c7"}))
def test_a_wide_interval_is_inconclusive(name):
    claim = CLAIMS[name]
    wide = levels(claim, claim.threshold)
    assert judged(name, wide, spread=claim.margin).verdict == "inconclusive"


@pytest.mark.parametrize("name", CLAIMS)
def test_a_missing_arm_is_named(name):
    claim = CLAIMS[name]
    gone = min(next(iter(claim.contrasts.values()))[0].arms)
    made = tables(claim, levels(claim, above(claim)), without=(gone,))
    another = run("another", ["model=another"], 0)  # where nothing else was run
    runs = pd.concat([made[0], pd.DataFrame([another])], ignore_index=True)
    verdict = judge(name, pool(runs, *made[1:]))
    assert verdict.verdict == "inconclusive" and verdict.effect is None
    text = " ".join(verdict.remarks)
    assert f"“{gone}”" in text and verdict.command in text


def test_the_control_that_is_nearest_counts():
    claim = CLAIMS["c3"]
    wanted = levels(claim, above(claim))
    (first, _), (second, _), *rest = wanted
    verdict = judged("c3", [(first, 5.0), (second, -5.0), *rest])
    assert verdict.effect == pytest.approx(-5, abs=0.01)
    assert verdict.verdict == "depends: head"


def test_fewer_seeds_than_wanted_are_stated():
    claim = CLAIMS["c2"]
    verdict = judged("c2", levels(claim, above(claim)), seeds=range(3))
    assert verdict.n == 3 and "3 of 5 seeds" in " ".join(verdict.remarks)


def test_one_seed_decides_nothing_but_counts():
    claim = CLAIMS["c2"]
    assert judged("c2", levels(claim, 50.0), seeds=[0]).verdict == "inconclusive"
    exact = CLAIMS["c1"]
    assert judged("c1", levels(exact, 3.0), seeds=[0]).verdict == "supported"


def test_seeds_that_agree_to_the_last_digit_have_an_interval_over_examples():
    """As where one network is always right and the other guesses."""
    claim = CLAIMS["c6"]
    verdict = judged("c6", levels(claim, 50.0), spread=0.0)
    assert verdict.verdict == "supported" and "over examples" in verdict.interval
    # .4 points below the one and .2 above the other, as if independent.
    reach = np.hypot(0.4, 0.2)
    assert verdict.low == pytest.approx(50 - reach)
    assert verdict.high == pytest.approx(50 + reach)


def test_what_the_runs_knew_of_the_claim_is_stated():
    wanted = levels(CLAIMS["c2"], 50.0)
    now = judged("c2", wanted).fingerprint
    for known, remark in [
        ({"fingerprints": {"c2": now}}, "All 10 runs carry the fingerprint"),
        ({"fingerprints": {"c2": "0" * 64}}, "All 10 runs carry another"),
        ({"fingerprints": {"c3": now}}, "All 10 runs carry another"),
        ({}, "All 10 runs carry another fingerprint of it, or none"),
        ({"rules": {"c2": "0" * 64}}, "All 10 runs are of the first edition"),
    ]:
        columns = {key: [value] * 10 for key, value in known.items()}
        runs, rows, metrics = tables(CLAIMS["c2"], wanted)
        verdict = judge("c2", pool(runs.assign(**columns), rows, metrics))
        assert remark in " ".join(verdict.remarks)


def test_a_modified_checkout_is_stated():
    wanted = levels(CLAIMS["c2"], 50.0)
    assert "modified checkout" not in " ".join(judged("c2", wanted).remarks)
    dirty = judged("c2", wanted, dirty=True)
    assert "10 were made from a modified checkout" in " ".join(dirty.remarks)


def test_a_run_belongs_to_an_arm_however_its_overrides_are_written():
    claim = CLAIMS["c2"]
    runs, rows, metrics = tables(claim, levels(claim, 50.0))
    renamed = runs.assign(overrides=[["of=another", "time=1"]] * len(runs))
    found = pool(renamed, rows, metrics)
    assert judge("c2", found) == judge("c2", pool(runs, rows, metrics))
    configs = [one | {"train.epochs": 2} for one in runs["config"]]
    assert judge("c2", pool(runs.assign(config=configs), rows, metrics)).n == 0


def test_an_estimate_is_the_paired_t_test_of_scipy():
    measure = Measure("x", "points", "some", "thing", {"at": 3}, scale=100.0)
    rng = np.random.default_rng(1)
    values = {arm: rng.random(5) for arm in "ab"}
    claim = Claim(
        sentence="a is more than b",
        setting="mnist",
        arms={arm: (f"model={arm}",) for arm in "ab"},
        comparison="a less b",
        contrasts={"": (less("a", "b", measure),)},
        margin=1.0,
        reason_for_margin=NO_OTHER_REASON,
    )
    runs = [
        run(f"{a}{s}", claim.overrides(a, "cpu"), s) for a in "ab" for s in range(5)
    ]
    rows = [row(f"{a}{s}", measure, values[a][s]) for a in "ab" for s in range(5)]
    rows += [one | {"params": {"at": 4}, "value": 9.0} for one in rows]
    made = pool(
        pd.DataFrame(runs),
        pd.DataFrame(rows),
        pd.DataFrame(columns=COLUMNS["metrics"]),
    )
    found = estimate(less("a", "b", measure), made.values(claim, measure))
    theirs = ttest_rel(values["a"], values["b"])
    interval = theirs.confidence_interval()
    assert found.p == pytest.approx(theirs.pvalue)
    np.testing.assert_allclose(found.interval[:2], 100 * np.array(interval), rtol=1e-6)
    assert found.effect == pytest.approx(100 * (values["a"] - values["b"]).mean())
    verdict = judge_claim("x", claim, made)
    assert (verdict.effect, verdict.n) == (found.effect, 5)


@pytest.mark.parametrize(
    "low, high, verdict",
    [
        (1.1, 2, "supported"),
        (0.9, 2, "inconclusive"),
        (-0.9, 0.9, "refuted"),
        (-3, -2, "refuted"),
        (-3, 2, "inconclusive"),
    ],
)
def test_an_interval_decides(low, high, verdict):
    assert decide(Interval(low, high, "t"), 1.0) == verdict
    assert decide(NO_INTERVAL, 1.0) == "inconclusive"


def test_levels_combine():
    s, r, i = "supported", "refuted", "inconclusive"
    assert combine({"a": s, "b": s}, "head") == s
    assert combine({"a": s, "b": r}, "head") == "depends: head"
    assert combine({"a": s, "b": r, "c": i}, "head") == "depends: head"
    assert combine({"a": s, "b": i}, "head") == i
    assert combine({"a": r, "b": i}, "head") == i


def test_a_support_must_survive_the_number_of_claims():
    assert correct("supported", 0.04) == "supported"
    assert correct("supported", 0.06) == "inconclusive"
    assert correct("supported", None) == "inconclusive"
    assert correct("refuted", None) == "refuted"
    claim = CLAIMS["c2"]
    # p of about .01 by itself; sixteen claims make a tenth of it.
    found = verdicts(pool(*tables(claim, levels(claim, 2.2), spread=1.3)))
    one = next(each for each in found if each.id == "C2")
    assert one.low > one.margin and one.p < 0.05 < one.adjusted
    assert one.verdict == "inconclusive" and "Holm" in one.remarks[0]
    assert [each.id for each in found] == [name.upper() for name in CLAIMS]


def test_a_verdict_is_reached_once_for_a_pool():
    made = tables(CLAIMS["c2"], levels(CLAIMS["c2"], 1.0))
    found = pool(*made)
    assert judge("c2", found) is judge("c2", found)
    assert judge("c2", found) == judge("c2", pool(*made))


def test_rows_of_another_split_decide_nothing():
    claim = CLAIMS["c3"]
    runs, rows, metrics = tables(claim, levels(claim, above(claim)))
    others = rows.assign(split="validation", value=rows["value"].to_numpy()[::-1])
    mixed = pool(runs, pd.concat([rows, others]), metrics)
    assert judge("c3", mixed) == judge("c3", pool(runs, rows, metrics))


def test_runs_of_two_scales_are_refused():
    runs, rows, metrics = tables(CLAIMS["c2"], levels(CLAIMS["c2"], 1.0))
    runs.loc[0, "setting"] = "full/mnist"
    with pytest.raises(UserError, match="cpu, full"):
        pool(runs, rows, metrics)
    with pytest.raises(UserError, match="found none"):
        pool(runs.assign(setting=None), rows, metrics)
