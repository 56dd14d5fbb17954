"""Every claim's rule on rows whose verdict is known."""

import numpy as np
import pandas as pd
import pytest
from pools import SEEDS, levels, on_disk, row, run, tables
from scipy.stats import ttest_rel

from research import claims
from research.claims.claim import Contrast, Measure, less
from research.claims.estimate import Pool
from research.claims.judge import judge, verdicts
from research.claims.rule import combine, corrected, decide
from research.errors import UserError
from research.report.figures import claim as claim_figure
from research.report.figures import style
from research.report.figures import verdicts as verdict_figure
from research.report.results import Results
from research.report.tables import forms
from research.report.tables.verdicts import format_verdict, tabulate
from research.stats import NO_INTERVAL, Interval

CLAIMS = claims.load()
SEVERAL = [name for name, one in CLAIMS.items() if len(one.levels) > 1]


def judged(name, wanted, **how):
    return judge(name, CLAIMS[name], Pool(*tables(wanted, **how)), "cpu")


def above(claim):
    return claim.threshold + claim.margin


def below(claim):
    return claim.threshold - claim.margin


@pytest.mark.parametrize("name", CLAIMS)
def test_an_effect_above_the_margin_supports(name):
    claim = CLAIMS[name]
    verdict = judged(name, levels(claim, above(claim)), spread=claim.margin / 1e3)
    assert verdict.verdict == "supported"
    assert verdict.low > verdict.margin and verdict.n == 5
    assert verdict.effect == pytest.approx(above(claim), rel=0.01, abs=1e-3)
    assert verdict.p < 0.05 / len(CLAIMS)
    assert verdict.rule == claims.rules()[name] and name in verdict.command


@pytest.mark.parametrize("name", CLAIMS)
def test_an_effect_below_the_margin_refutes(name):
    claim = CLAIMS[name]
    for effect in (claim.threshold - 0.1 * claim.margin, below(claim)):
        verdict = judged(name, levels(claim, effect), spread=claim.margin / 1e3)
        assert verdict.verdict == "refuted"


@pytest.mark.parametrize("name", SEVERAL)
def test_levels_that_disagree_depend_on_the_factor(name):
    claim = CLAIMS[name]
    effects = [below(claim), *[above(claim)] * (len(claim.levels) - 1)]
    verdict = judged(name, levels(claim, *effects), spread=claim.margin / 1e3)
    assert verdict.verdict == f"depends: {claim.factor}"
    assert "refuted" in verdict.remarks[0] and "supported" in verdict.remarks[0]
    cell = format_verdict(verdict)["effect [95 %]"]
    assert len(cell.split("; ")) == len(claim.levels)
    assert all(level in cell for level in claim.levels)


def test_the_picture_has_a_bar_for_each_case_that_differs():
    claim = CLAIMS["c3"]
    rows = tables(levels(claim, above(claim), below(claim)), spread=claim.margin / 1e3)
    (axes,) = verdict_figure.draw(Results(*rows)).axes
    bars = [line for line in axes.lines if line.get_color() == verdict_figure.PURPLE]
    middles = [line.get_xdata()[0] for line in bars if len(line.get_xdata()) == 1]
    expected = [above(claim) / claim.margin, below(claim) / claim.margin]
    assert middles == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("name", sorted(CLAIMS.keys() - {"c1", "c7"}))
def test_a_wide_interval_is_inconclusive(name):
    claim = CLAIMS[name]
    wide = levels(claim, claim.threshold)
    assert judged(name, wide, spread=claim.margin).verdict == "inconclusive"


@pytest.mark.parametrize("name", CLAIMS)
def test_a_missing_arm_is_named(name):
    claim = CLAIMS[name]
    gone = min(next(iter(claim.levels.values()))[0].arms)
    wanted = levels(claim, above(claim))
    verdict = judge(
        name,
        claim,
        # Another run stands in for a pool where nothing else was missing.
        Pool(*tables([*wanted, *levels(OTHER, 1.0)], without=(gone,))),
        "cpu",
    )
    assert verdict.verdict in {"inconclusive"} and verdict.effect is None
    text = " ".join(verdict.remarks)
    assert f"`{gone}`" in text and verdict.command in text


OTHER = type("Other", (), {})()
OTHER.levels = {
    "only": (Contrast({"setting=other": 1.0}, Measure("x", "x", "x", "x")),)
}


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


def test_runs_of_another_rule_are_told():
    claim = CLAIMS["c2"]
    now = judged("c2", levels(claim, 50.0))
    assert "All 10 runs carry the hash" in " ".join(now.remarks)
    old = judged("c2", levels(claim, 50.0), rules=claims.rules() | {"c2": "0" * 64})
    assert "10 of 10 runs carry the hash of another" in " ".join(old.remarks)


def test_an_estimate_is_the_paired_t_test_of_scipy():
    measure = Measure("x", "points", "some", "thing", {"at": 3}, scale=100.0)
    rng = np.random.default_rng(1)
    values = {arm: rng.random(5) for arm in "ab"}
    runs = [run(f"{arm}{s}", f"arm={arm}", s, {}) for arm in "ab" for s in SEEDS]
    rows = [row(f"{a}{s}", measure, values[a][s]) for a in "ab" for s in SEEDS]
    rows += [one | {"params": {"at": 4}, "value": 9.0} for one in rows]
    frame = type(tables(levels(CLAIMS["c2"], 1.0))[0])
    pool = Pool(frame(runs), frame(rows), frame(columns=["path", "split"]))
    found = pool.estimate(less("arm=a", "arm=b", measure))
    theirs = ttest_rel(values["a"], values["b"])
    interval = theirs.confidence_interval()
    assert found.p == pytest.approx(theirs.pvalue)
    np.testing.assert_allclose(found.interval[:2], 100 * np.array(interval), rtol=1e-6)
    assert found.effect == pytest.approx(100 * (values["a"] - values["b"]).mean())


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
    assert corrected("supported", 0.04) == "supported"
    assert corrected("supported", 0.06) == "inconclusive"
    assert corrected("supported", None) == "inconclusive"
    assert corrected("refuted", None) == "refuted"
    claim = CLAIMS["c2"]
    # p of about .01 by itself; sixteen claims make a tenth of it.
    found = verdicts(*tables(levels(claim, 2.2), spread=1.3))
    one = next(each for each in found if each.id == "C2")
    assert one.low > one.margin and one.p < 0.05 < one.adjusted
    assert one.verdict == "inconclusive" and "Holm" in one.remarks[0]
    assert [each.id for each in found] == [name.upper() for name in CLAIMS]


def test_rows_of_another_split_decide_nothing():
    claim = CLAIMS["c3"]
    runs, rows, metrics = tables(levels(claim, above(claim)))
    others = rows.assign(split="validation", value=rows["value"].to_numpy()[::-1])
    mixed = Pool(runs, pd.concat([rows, others]), metrics)
    assert judge("c3", claim, mixed, "cpu") == judge(
        "c3", claim, Pool(runs, rows, metrics), "cpu"
    )


def test_runs_of_two_scales_are_refused():
    runs, rows, metrics = tables(levels(CLAIMS["c2"], 1.0))
    runs.loc[0, "setting"] = "full/mnist"
    with pytest.raises(UserError, match="cpu, full"):
        verdicts(runs, rows, metrics)
    with pytest.raises(UserError, match="found none"):
        verdicts(runs.assign(setting=None), rows, metrics)


def test_a_figure_shows_the_arms_that_are_compared_and_how_often_they_were_run():
    claim = CLAIMS["b6"]
    (first,), *_, (accuracy,) = claim.levels.values()
    another = Contrast(accuracy.arms, first.measure)  # measured, and not asked for
    runs, rows, metrics = tables([*levels(claim, 1.0), (another, 1.0)], seeds=range(3))
    one = max(first.arms)
    rows = rows[rows["path"] != f"{one}/2"]
    marks = claim_figure.measure_arms(claim, Pool(runs, rows, metrics), 3)
    assert sorted(mark.name for mark in marks) == ["blur", "decimate (2 seeds)"]


def test_differences_are_drawn_about_zero():
    claim = CLAIMS["c10"]
    as_many = claim.details["parameters, CNN less capsules"]
    made = tables([*levels(claim, 1.0), (as_many, 2e-4)], seeds=range(2))
    *_, axes = claim_figure.draw(Results(*made), claim="c10").axes
    low, high = axes.get_xlim()
    assert low <= -claim_figure.SMALL and high >= claim_figure.SMALL
    assert [0, 0] in [list(line.get_xdata()) for line in axes.lines]


def test_the_report_of_the_same_rows_is_the_same_bytes(tmp_path):
    wanted = [
        pair for name in ("c3", "c6", "b5") for pair in levels(CLAIMS[name], 50.0)
    ]
    root = on_disk(tmp_path / "runs", tables(wanted, seeds=range(2)))
    written = []
    for out in ("one", "two"):
        results = Results.read(root)
        found = tabulate(results)
        files = forms.save(found, tmp_path / out / "verdicts")
        for name, figure in {
            "forest": verdict_figure.draw(results),
            "c3": claim_figure.draw(results, claim="c3"),
        }.items():
            files += style.save(figure, tmp_path / out / name)
        written.append({path.name: path.read_bytes() for path in files})
    assert written[0] == written[1]
    assert len(written[0]) == 9
    assert found.set_index("id")["verdict"]["C6"] != "refuted"
    markdown = written[0]["verdicts.md"].decode()
    assert "| C6 |" in markdown and "50.0" in markdown
    assert r"\begin{tabularx}" in written[0]["verdicts.tex"].decode()
    with pytest.raises(UserError, match="experiment=c9"):
        claim_figure.draw(results, claim="c9")
