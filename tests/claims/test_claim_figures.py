"""Figures and tables of verdicts, on rows whose verdict is known."""

import pandas as pd
import pytest
from pools import above, below, compose, levels, on_disk, pool, tables

from research import claims
from research.claims.measure import Contrast
from research.errors import UserError
from research.report.figures import claim as claim_figure
from research.report.figures import style
from research.report.figures import verdicts as verdict_figure
from research.report.results import Results
from research.report.tables import forms
from research.report.tables.verdicts import tabulate

CLAIMS = claims.load()


def test_the_picture_has_a_bar_for_each_case_that_differs():
    claim = CLAIMS["c3"]
    effects = levels(claim, above(claim), below(claim))
    made = tables(claim, effects, spread=claim.margin / 1e3)
    (axes,) = verdict_figure.draw(Results(*made, compose)).axes
    bars = [line for line in axes.lines if line.get_color() == verdict_figure.PURPLE]
    middles = [line.get_xdata()[0] for line in bars if len(line.get_xdata()) == 1]
    expected = [above(claim) / claim.margin, below(claim) / claim.margin]
    assert middles == pytest.approx(expected, abs=0.05)


def test_a_figure_shows_the_arms_that_are_compared_and_how_often_they_were_run():
    claim = CLAIMS["b6"]
    (first,), *_, (accuracy,) = claim.contrasts.values()
    another = Contrast(accuracy.arms, first.measure)  # measured, and not asked for
    wanted = [*levels(claim, 1.0), (another, 1.0)]
    runs, rows, metrics = tables(claim, wanted, seeds=range(3))
    rows = rows[rows["path"] != "decimation/2"]
    marks = claim_figure.measure_arms(claim, pool(runs, rows, metrics), 3)
    assert [mark.name for mark in marks] == ["decimation (2 seeds)", "blur"]


def test_differences_are_drawn_about_zero():
    claim = CLAIMS["c10"]
    as_many = claim.details["parameters, CNN less capsules"]
    wanted = [*levels(claim, 1.0), (as_many, 2e-4)]
    made = tables(claim, wanted, seeds=range(2))
    *_, axes = claim_figure.draw(Results(*made, compose), claim="c10").axes
    low, high = axes.get_xlim()
    assert low <= -claim_figure.SMALL and high >= claim_figure.SMALL
    assert [0, 0] in [list(line.get_xdata()) for line in axes.lines]


def test_the_report_of_the_same_rows_is_the_same_bytes(tmp_path):
    made = [
        tables(CLAIMS[name], levels(CLAIMS[name], 50.0), seeds=range(2))
        for name in ("c3", "c6")
    ]
    made = [pd.concat(each, ignore_index=True) for each in zip(*made, strict=True)]
    root = on_disk(tmp_path / "runs", made)
    written = []
    for out in ("one", "two"):
        results = Results.read(root, compose=compose)
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
