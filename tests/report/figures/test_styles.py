"""The two styles of figures, and what lies beside a figure in words."""

import re
from dataclasses import replace

import pytest
from fake_runs import fake_sweep
from matplotlib.text import Text
from measured import measured_runs

from research.claims.measure import ACCURACY, Contrast, less, only
from research.claims.verdict import Answer, Case, Verdict
from research.report import possible
from research.report.figures import distance, layers, style, tradeoff, verdicts
from research.report.figures.captions import save_texts, to_latex, to_text
from research.report.figures.forest import Mark, Panel, draw_forests
from research.report.figures.looks import WIDTHS, use
from research.report.figures.statements import state
from research.report.figures.texts import describe
from research.report.results import Results
from research.report.words import WORDS, name_arm, name_arms


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    fake_sweep(root / "shifted", arms=["max", "aps"])
    return Results.read(root / "shifted")


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    return Results.read(measured_runs(tmp_path_factory.mktemp("measured")))


def visible(figure):
    """The texts that are drawn."""
    return [one for one in figure.findobj(Text) if one.get_text().strip()]


def one_line(text):
    return " ".join(text.split())


@pytest.mark.parametrize("draw", [tradeoff.draw, distance.draw])
def test_on_paper_all_letters_have_8_points_in_one_column(results, draw, tmp_path):
    with use("paper"):
        figure = draw(results)
        written = style.save(figure, tmp_path / "one")
    assert {one.get_fontsize() for one in visible(figure)} == {8}
    assert [path.suffix for path in written] == [".svg", ".pdf"]
    pdf = written[1].read_bytes()
    (width,) = re.findall(rb"/MediaBox \[ ?0 0 ([\d.]+) ", pdf)
    assert float(width) / 72 == pytest.approx(WIDTHS["one"], abs=0.01)
    said = {one_line(one.get_text()) for one in visible(figure)}
    assert not any(figure.finding[:20] in text for text in said)
    assert not any("examples, " in text for text in said)  # the caption is beside


def test_panels_of_one_column_stand_one_below_the_other(measured):
    with use("paper"):
        upper, lower = layers.draw(measured).axes
    boxes = [one.get_subplotspec() for one in (upper, lower)]
    assert [one.colspan.start for one in boxes] == [0, 0]
    assert upper.get_ylabel() and lower.get_ylabel()
    first, second = layers.draw(measured).axes
    assert second.get_subplotspec().colspan.start == 1 and not second.get_ylabel()


def test_on_a_screen_the_title_is_the_finding(results):
    figure = distance.draw(results)
    said = {one_line(one.get_text()) for one in visible(figure)}
    assert figure.finding in said and figure.note in said
    of = results.rows[results.rows["protocol"] == "circular"]
    far = of[[params == {"distance": 6} for params in of["params"]]]
    means = far.groupby("downsample")["value"].mean()
    for arm in ("max", "aps"):
        assert f"{100 * means[arm]:.1f} % ({WORDS[arm]})" in figure.finding
    high, low = sorted(means, reverse=True)
    assert figure.finding.index(f"{100 * high:.1f}") < figure.finding.index(
        f"{100 * low:.1f} %"
    )


def test_the_title_the_legend_and_the_panels_do_not_overlap(results):
    figure = distance.draw(results)
    style.render(figure, ["svg"])
    title = next(one for one in figure.texts if one.get_fontweight() == "bold")
    below = [axes.title.get_window_extent().y1 for axes in figure.axes]
    below += [axes._left_title.get_window_extent().y1 for axes in figure.axes]
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert title.get_window_extent().y0 >= box.y1 and box.y0 >= max(below)


def test_caption_and_latex_have_the_numbers_of_the_data(results, tmp_path):
    figure = tradeoff.draw(results)
    text, latex = save_texts(figure, tmp_path / "c1")
    assert (text.name, latex.name) == ("c1.txt", "c1_figure.tex")
    accuracy = results.rows[results.rows["protocol"] == "accuracy"]
    for value in accuracy.groupby("downsample")["value"].mean():
        assert f"{100 * value:.1f}" in text.read_text()
        assert f"{100 * value:.1f}" in latex.read_text()
    assert "2 seeds" in text.read_text() and "Clopper" in text.read_text()
    source = latex.read_text()
    assert r"\includegraphics[width=3.35in]{c1}" in source
    assert r"\label{fig:c1}" in source and source.startswith(r"\begin{figure}")
    assert to_latex(distance.draw(results), "two").startswith(r"\begin{figure*}")


def test_a_file_of_text_has_the_whole_caption(results):
    figure = tradeoff.draw(results)
    assert one_line(to_text(figure)) == one_line(figure.caption)
    assert max(map(len, to_text(figure).splitlines())) <= 88
    for part in (figure.finding, figure.shows, figure.numbers, figure.note):
        assert part and part.rstrip(".") in figure.caption


def asked(*effects, margin=0.5):
    cases = tuple(
        Case(f"case {i}", one, one - 1, one + 1, 1.0, 5, "paired t over 5 seeds", "x")
        for i, one in enumerate(effects)
    )
    return Answer("", "this less that", "supported", cases, margin, "{margin}", "nats")


def test_a_claim_is_stated_with_the_numbers_of_its_cases():
    verdict = Verdict("C0", "It helps.", "", (asked(3.9, 1.14),))
    assert state(verdict) == (
        "C0, supported: “It helps.” This less that: case 0 3.90 [2.90, 4.90], "
        "case 1 1.14 [0.14, 2.14] nats"
    )
    many = Verdict("C0", "It helps.", "", (asked(3.0, 1.0, 2.0, 7.0),))
    assert state(many).endswith("from 1.00 to 7.00 nats in 4 cases")
    first, other = asked(3.9), replace(asked(-2.0), key="other", verdict="refuted")
    several = Verdict("C0", "It helps.", "", (first, other, replace(first, cases=())))
    assert state(several) == (
        "C0: “It helps.” This less that: supported (case 0 3.90 [2.90, 4.90] nats). "
        "Other: refuted (case 0 −2.00 [−3.00, −1.00] nats). The rest is not run yet"
    ), "no verdict is that of the sentence"
    again = Verdict("C0", "It helps.", "", (first, replace(other, repeats=True)))
    assert state(again).endswith("nats). Other: refuted"), "numbers are told once"
    assert state(Verdict("B0", "So it is.", "", ())) == "B0, descriptive: “So it is.”"


def test_bars_that_are_not_over_seeds_are_named():
    def over(interval, key=""):
        (case,) = (one := asked(2.0)).cases
        return replace(one, key=key, cases=(case._replace(interval=interval),))

    claims = {"C1": over("exact count", "weights"), "C3": over("t over 10 seeds", "a")}
    claims |= {"C5": over("paired t over 30 repeats")}
    found = [(Verdict(id, "", "", (one,)), one) for id, one in claims.items()]
    assert verdicts.name_intervals(found) == (
        " C5: paired t over 30 repeats. No bars, since counts are exact: C1, weights."
    )
    assert [verdicts.name(*one) for one in found] == ["C1, weights", "C3", "C5"]
    waiting = Verdict("B6", "", "", (), details=({"effect": None},))
    others = [waiting, Verdict("B8", "", "", ())]
    assert verdicts.list_others(others) == " Not run: B6. Descriptive: B8."


def test_no_interval_goes_beyond_what_is_possible():
    assert possible.reach(only("a", ACCURACY)) == (0, 100)
    assert possible.reach(only("a", ACCURACY, above=95.0)) == (-95, 5)
    assert possible.reach(less("a", "b", ACCURACY)) == (-100, 100)
    assert possible.reach(Contrast({"a": 0.5, "b": 0.5}, ACCURACY)) == (0, 100)
    assert possible.clip(only("a", ACCURACY, above=95.0), 4.97, 5.01) == (4.97, 5)
    assert possible.clip(only("a", ACCURACY), None, 101.0) == (None, 100)


def test_the_margin_is_what_decides():
    """Between two ends what lies within is shaded; one end is a line."""
    marks = [Mark("one", 2.0, 1.0, 3.0)]
    panels = {
        "both": Panel(marks, ends=(-0.5, 0.5)),
        "limit": Panel(marks, ends=(0.9, 0.9)),
        "none": Panel(marks),
    }
    both, limit, none = draw_forests(panels).axes
    (band,) = both.patches
    assert sorted({*band.get_extents().transformed(
        both.transData.inverted()
    ).get_points()[:, 0].round(6)}) == [-0.5, 0.5]  # fmt: skip
    assert not limit.patches and not none.patches
    assert [0.9, 0.9] in [list(line.get_xdata()) for line in limit.lines]
    assert len(none.lines) == 2  # the interval and its value


def test_arms_go_by_words_and_options_without_signs(results):
    assert name_arms(results.arms) == {one: WORDS[one] for one in ("max", "aps")}
    long = "max_aps, head=gap, learning_rate=0.003"
    words = f"{WORDS['max_aps']}, global pooling, learning rate 0.003"
    assert name_arm(long, "max_aps") == words
    assert name_arm("none, none", "none") == "none, none"  # which is the preset?
    assert name_arm("my_own", "my_own") == "my own"


def test_a_style_ends_with_its_block(results):
    with use("paper"):
        figure, _ = style.create_axes(None, 1.0)
        describe(figure, "found", shows="Shown.", note="Noted.")
    assert figure.get_figwidth() == WIDTHS["one"] and not figure.texts
    assert figure.caption == "found. Shown. Noted."
    assert style.create_axes(None, 1.0)[0].get_figwidth() == WIDTHS["two"]
