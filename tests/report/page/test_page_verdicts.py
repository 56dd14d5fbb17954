"""What the page says and draws of each verdict."""

import math

import pytest
from pages import UNKNOWN, answer, article, case, verdict

from research.report.formats import format_number
from research.report.page.picture import draw_intervals
from research.report.page.verdicts import count_kinds


def test_verdicts_are_counted(page_file):
    page = page_file.read_text()
    assert "Of 4 sentences: 1 supported, 1 refuted, 1 depends, 1 not run." in page
    assert "2 depend" == count_kinds([verdict("C1", answer("depends: head"))] * 2)


def test_a_verdict_states_its_numbers():
    text = article(verdict(), ["tradeoff"])
    for part in (
        "<b>2.25</b> [1.50, 3.00] percentage points",
        "; 95 %, paired t over 5 seeds",
        "supported if the interval lies above 0.50 percentage points",
        "refuted if it lies below −0.50, no difference if it lies between",
        "&lt; 0.001; 0.006 after Holm",
        "2 of 5 seeds are missing",
        "python scripts/train.py -m experiment=c1",
        'data-figure="tradeoff"',
        "dimensions &amp; parameters",
        "<td>0.930</td>",
        "<b>Limits.</b> One network.",
    ):
        assert part in text, part
    assert "data-figure" not in article(verdict())
    depends = verdict("C1", answer("depends: head"))
    assert "<small>on head</small>" in article(depends)


def test_every_answer_is_told_beside_the_first():
    several = verdict(
        "C6",
        answer("supported", key="exponential"),
        answer("refuted", key="nothing beyond"),
    )
    text = article(several)
    assert "<small>exponential</small><small>nothing beyond: refuted</small>" in text
    assert "nothing beyond: refuted</span></h3>" in text
    assert text.count("<dt>Rule</dt>") == 2


def test_an_interval_is_drawn_to_scale():
    one = answer("supported", case("", 1.0, -1.0, 3.0), margin=1.0)
    picture = draw_intervals(one)
    (bar,) = picture.bars
    places = (bar.low, picture.low, picture.zero, picture.high, bar.effect, bar.high)
    assert tuple(map(float, places)) == (10, 10, 60, 110, 110, 210)
    assert picture.caption == "1.00 [−1.00, 3.00] percentage points"
    text = article(verdict("C1", one))
    assert f'd="M10.0 {bar.y}H210.0M10.0' in text and 'cx="110.0"' in text
    assert f"<small>{picture.caption}</small>" in text
    assert draw_intervals(answer("not run", UNKNOWN)) is None
    assert "<svg" not in article(verdict("C1", answer("not run", UNKNOWN)))


def test_every_case_is_stated_and_drawn():
    cases = case("flattened", 0.03, -0.004, 0.064), case("pooled", 7.36, 6.7, 8.02)
    both = answer("depends: head", *cases, margin=4.0, interaction="they differ")
    text = article(verdict("C1", both))
    assert text.count('class="dot"') == 2
    caption = "flattened 0.03 [−0.00, 0.06]; pooled 7.36 [6.70, 8.02]"
    assert f"<small>{caption} percentage points</small>" in text
    assert "<dt>Effect, flattened</dt><dd><b>0.03</b> [−0.00, 0.06] perc" in text
    assert "&lt; 0.001, the largest over the cases; 0.006 after Holm" in text
    assert "<dt>Difference of cases</dt><dd>they differ</dd>" in text
    many = answer("supported", *cases, *cases)
    assert draw_intervals(many).caption == "4 cases, in percentage points"


def test_a_ratio_is_shown_in_place_of_its_logarithm():
    one = case("", math.log(1.5), math.log(1.2), math.log(2.0))
    text = article(
        verdict("C3", answer("supported", one, unit="log ratio", margin=math.log(1.1)))
    )
    assert "<b>1.50</b> [1.20, 2.00] times as many flips" in text
    assert "above 1.10 times as many flips, refuted if it lies below 0.91" in text


def test_an_exact_effect_has_no_interval():
    exact = case("", 36.0, 36.0, 36.0, interval="exact count")
    text = article(verdict("C1", answer("supported", exact, p=None)))
    assert "<small>36.0 percentage points</small>" in text
    assert "[36" not in text and "<b>36.0</b> percentage points; exact count" in text


def test_what_is_undetermined_says_what_it_would_take():
    one = case(outcome="undetermined", turning=(3, 5), needed=1200)
    text = article(verdict("C1", answer("undetermined", one)))
    assert "another outcome without seed 3, 5; 1,200 seeds would decide it" in text


def test_words_in_backticks_are_code():
    text = article(verdict(remarks=("run `train.py a<b`",)))
    assert "run <code>train.py a&lt;b</code>" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-0.0123, "−0.0123"),
        (15860224.0, "15,860,224"),
        (-0.00123, "−0.00123"),
        (0.0, "0"),
        (99.96, "100.0"),
        (float("nan"), "–"),
    ],
)
def test_numbers(value, text):
    assert format_number(value) == text
