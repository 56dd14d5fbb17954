"""Figures and tables of verdicts, on rows whose verdict is known."""

import math

import pandas as pd
import pytest
from matplotlib.text import Text
from pools import Made, compose

from research import claims
from research.claims.b6 import PUBLISHED
from research.claims.measure import Flips, Measure
from research.errors import UserError
from research.report.effects import format_rule
from research.report.figures import claim as claim_figure
from research.report.figures import style
from research.report.figures import verdicts as verdict_figure
from research.report.figures.looks import use
from research.report.results import Results
from research.report.tables import cases, forms, orderings
from research.report.tables.verdicts import tabulate

CLAIMS = claims.load()


def made(name, **how):
    """Runs of a claim: its first arm at 99 or few flips, the others below."""
    found = Made(CLAIMS[name])
    for question in CLAIMS[name].questions.values():
        for contrast in question.cases.values():
            for place, arm in enumerate(contrast.arms):
                if isinstance(contrast.measure, Flips):
                    found.flips(arm, contrast.measure.shift, 0.3 - 0.1 * place, **how)
                elif isinstance(contrast.measure, Measure):
                    found.values(arm, contrast.measure, 9.0 - place, 0.05, **how)
    return found


def results(found):
    tables = found.tables()
    return Results(
        *tables[:3], compose=compose, predictions=tables.predictions, times=tables.times
    )


def test_the_picture_has_a_bar_for_each_case_in_units_of_its_margin():
    found = results(made("c3"))
    verdict = {one.id: one for one in found.verdicts}["C3"]
    assert [one.verdict for one in verdict.answers] == ["supported", "supported"]
    (axes,) = verdict_figure.draw(found).axes
    bars = [line for line in axes.lines if line.get_color() == verdict_figure.BLUE]
    middles = [line.get_xdata()[0] for line in bars if len(line.get_xdata()) == 1]
    expected = [
        case.effect / math.log(1.1) for one in verdict.answers for case in one.cases
    ]
    assert middles == pytest.approx(expected) and len(middles) == 4


def test_ratios_are_shown_not_their_logarithms():
    verdict = {one.id: one for one in results(made("c3")).verdicts}["C3"]
    rule = format_rule(verdict.answers[0])
    assert "above 1.10 times as many flips" in rule and "below 0.91" in rule
    verdict_of_c4 = {one.id: one for one in results(made("c4")).verdicts}["C4"]
    rule = format_rule(verdict_of_c4.answers[0])
    assert "above −0.25 percentage points, refuted" in rule
    line = cases.format_line(verdict, verdict.answers[0], verdict.answers[0].first)
    assert line["unit"] == "times as many flips"
    assert float(line["effect [95 %]"].split()[0]) == pytest.approx(1.5, abs=0.1)


def test_a_figure_shows_the_arms_that_are_compared():
    found = results(made("c4", seeds=range(3)))
    (measure,) = claim_figure.find_measures(CLAIMS["c4"])
    marks = claim_figure.measure_arms(CLAIMS["c4"], found.pool, measure)
    assert [mark.name for mark in marks] == ["All-CNN", "ConvPool-CNN"]
    *_, axes = claim_figure.draw(found, claim="c4").axes
    low, high = axes.get_xlim()
    assert low <= -claim_figure.SMALL and high >= claim_figure.SMALL
    assert [0, 0] in [list(line.get_xdata()) for line in axes.lines]


def test_a_column_of_a_page_has_the_questions_alone():
    found = made("c2")
    for contrast in CLAIMS["c2"].details.values():
        for place, arm in enumerate(contrast.arms):
            found.values(arm, contrast.measure, 9.0 - place, 0.05)
    screen = claim_figure.draw(results(found), claim="c2")
    with use("paper"):
        page = claim_figure.draw(results(found), claim="c2")
    assert [len(one.axes) for one in (screen, page)] == [5, 3], "two more units"
    said = {text.get_text() for text in screen.findobj(Text)}
    assert any("Further contrasts" in text for text in said)
    assert page.get_figheight() < 9.0, "inches of a page"


def test_cases_that_are_asked_about_twice_are_drawn_once():
    found = results(made("b3"))
    answers = next(one for one in found.verdicts if one.id == "B3").answers
    assert [one.repeats for one in answers] == [False, True]
    with use("paper"):
        (axes,) = claim_figure.draw(found, claim="b3").axes
    assert len(axes.get_yticks()) == len(answers[0].cases) == 12


@pytest.mark.slow  # two whole reports
def test_the_report_of_the_same_rows_is_the_same_bytes(tmp_path):
    one, other = made("c3"), made("c4")
    for path, run in other.runs.items():
        one.runs[f"c4/{path}"] = run | {"path": f"c4/{path}"}
    for row in other.rows:
        one.rows.append(row | {"path": f"c4/{row['path']}"})
    root = one.on_disk(tmp_path / "runs")
    written = []
    for out in ("one", "two"):
        found = Results.read(root, compose=compose)
        table, every = tabulate(found), cases.tabulate(found)
        files = forms.save(table, tmp_path / out / "verdicts")
        files += forms.save(every, tmp_path / out / "cases")
        for name, figure in {
            "forest": verdict_figure.draw(found),
            "c3": claim_figure.draw(found, claim="c3"),
        }.items():
            files += style.save(figure, tmp_path / out / name)
        written.append({path.name: path.read_bytes() for path in files})
    assert written[0] == written[1] and len(written[0]) == 12
    assert dict(zip(table["id"], table["verdict"], strict=True))["C4"] == "supported"
    assert len(table) == 18 and table["answers"][2] == "a: supported; b: supported"
    assert {*every["id"]} == {*table["id"]} - {"B6", "B8"}
    decided = every[(every["family"] == "confirmatory") & every["p"].notna()]
    assert (decided["adjusted"] >= decided["p"]).all() and len(decided) == 3
    markdown = written[0]["verdicts.md"].decode()
    assert "| C4 |" in markdown and "nan" not in markdown
    assert r"\begin{tabularx}" in written[0]["cases.tex"].decode()
    assert pd.isna(every.set_index("id").loc["C9", "effect"]).all()
    with pytest.raises(UserError, match="experiment=c9"):
        claim_figure.draw(found, claim="c9")


def test_published_differences_stand_beside_ours():
    claim = CLAIMS["b6"]
    assert {*PUBLISHED} <= {*claim.details}
    found = Made(claim)
    name = "accuracy, All-CNN less Model-C (Springenberg 2015)"
    for arm, mean in zip(claim.details[name].arms, (90.5, 90.0), strict=True):
        found.values(arm, claim.details[name].measure, mean, 0.1, seeds=range(6))
    table = orderings.tabulate(results(found)).set_index("ordering")
    assert table.loc[name, "effect"] == pytest.approx(0.5)
    assert table.loc[name, "published"].startswith("0.66") and table.loc[name, "n"] == 6
    assert len(table) == len(claim.details) and table["effect"].isna().sum() == 7
