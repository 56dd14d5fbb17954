"""What the page says of each verdict."""

import math
import re
from dataclasses import replace

import pytest
from pages import UNKNOWN, answer, article, case, verdict

from research.claims.rule import LESS_THAN, MORE_THAN, SAME
from research.claims.verdict import Difference
from research.report.effects import say_difference
from research.report.formats import format_number
from research.report.page.embed import Embedded
from research.report.page.verdicts import count_questions, describe_verdict
from research.report.page.words import (
    state_finding,
    state_firmness,
    state_question,
    state_rule,
    word_verdict,
)
from research.report.words import spell_arms


def test_every_question_is_counted(page_file):
    page = page_file.read_text()
    counted = "3 of the 4 questions have been run: 1 supported, 1 refuted, 1 depends"
    assert f"<b>{counted}.</b>" in page
    mixed = verdict("C1", answer("supported"), answer("depends: head", key="weights"))
    assert count_questions([mixed, verdict("C2", answer("depends: head"))]) == (
        "3 of the 3 questions have been run: 1 supported, 2 depend"
    )
    later = replace(answer("refuted", key="asked afterwards"), afterwards=True)
    assert count_questions([verdict("C2", answer("undetermined"), later)]) == (
        "1 of the 1 questions have been run: 1 undetermined"
    )
    assert count_questions([verdict("C2", answer("not run", UNKNOWN))]) == (
        "0 of the 1 questions have been run"
    )


def test_what_has_no_answers_is_not_run_or_apart():
    nothing = replace(verdict("B6", details=({"effect": None},)), answers=())
    nothing = describe_verdict(nothing, {})
    assert not nothing.run and not nothing.apart
    apart = describe_verdict(replace(verdict("B8", details=()), answers=()), {})
    assert not apart.run and apart.apart


def test_what_depends_has_no_p_and_a_difference_as_people_read_it():
    cases = case("flattened", math.log(1.03)), case("pooled", math.log(0.42))
    differs = Difference("flattened", "pooled", 0.9, 0.8, -0.1, "paired t over seeds")
    given = dict(p=1.0, adjusted=1.0, interaction=differs, unit="log ratio")
    text = article(verdict("B2", replace(answer("depends: head", *cases), **given)))
    assert "<dd>none: the cases came out differently</dd>" in text
    assert "flattened over pooled: 2.46 [2.23, 0.90], paired t over seeds" in text
    points = replace(answer("supported", *cases), interaction=differs)
    assert "flattened less pooled: 0.90 [0.80, −0.10]" in say_difference(points)
    assert say_difference(replace(points, interaction=None)) == ""


def test_a_verdict_states_its_numbers():
    text = article(
        verdict(), {"tradeoff": Embedded("data:image/png;base64,AA", "Dots.")}
    )
    for part in (
        "2.25 percentage points, above the margin of 0.50</h4>",
        '<td class="value">2.25 [1.50, 3.00]</td>',
        "<dd>paired t over 5 seeds</dd>",
        "supported if the interval lies above 0.50 percentage points",
        "refuted if it lies below −0.50, no difference if it lies between",
        "&lt; 0.001; 0.006 after Holm",
        "2 of 5 seeds are missing",
        "python scripts/train.py -m experiment=c1",
        '<img src="data:image/png;base64,AA" alt="tradeoff: Dots."',
        "dimensions &amp; parameters",
        "<td>0.930</td>",
        "<b>Limits.</b> One network.",
        "The outcome is the same whichever seed is left out.",
    ):
        assert part in text, part
    assert "<img" not in article(verdict())
    depends = verdict("C1", answer("depends: head"))
    assert "</span> Depends on the head</span>" in article(depends)


def test_every_answer_is_told():
    several = verdict(
        "C6",
        answer("supported", key="exponential"),
        answer("refuted", key="nothing beyond"),
    )
    text = article(several)
    found = re.findall(r'</span> (\w+)</span> <span class="key">(.*?)</span>', text)
    assert found == [("Supported", "Exponential."), ("Refuted", "Nothing beyond.")]
    assert text.count("<dt>Rule</dt>") == 2


def test_cases_that_are_asked_about_twice_are_shown_once():
    again = replace(answer("refuted", key="again"), repeats=True, p_is="the smallest")
    text = article(verdict("B3", answer(), again))
    assert text.count('<td class="value">2.25 [1.50, 3.00]</td>') == 1
    assert "Refuted" in text and "&lt; 0.001, the smallest; 0.006 after Holm" in text


def test_findings_say_where_the_effects_lie():
    one = case("flattened", 12.0, outcome="superior")
    other = case("global pooling", 0.1, -0.2, 0.3, outcome="equivalent")
    third = case("neither", 0.2, -0.1, 0.4, outcome="equivalent")
    assert state_finding(answer("supported", one, one._replace(effect=3.0))) == (
        "12.0 (flattened) and 3.00 (flattened) percentage points, above the margin of "
        "0.50"
    )
    assert state_finding(answer("depends: head", other, one)) == (
        "12.0 percentage points (flattened), above the margin of 0.50; 0.10 percentage "
        "points (global pooling), within the margin of ±0.50"
    )
    assert state_finding(answer("depends: head", other, one, third)) == (
        "0.10 to 12.0 percentage points, above the margin of 0.50 in 1 case, within "
        "the margin of ±0.50 in 2 cases"
    )
    assert state_finding(answer("not run", UNKNOWN)) == "no runs yet"
    below = case("", -6.0, -7.0, -5.5, outcome="inferior")
    given = {"margin": 0.0, "rule": LESS_THAN.text}
    assert state_finding(answer("supported", below, **given)) == (
        "−6.00 percentage points, below 0"
    )


def test_logarithms_are_shown_as_ratios():
    doubled = case("", 3.0, 2.0, 4.0)
    given = {"unit": "doublings of time", "margin": 1.0, "rule": MORE_THAN.text}
    one = answer("supported", doubled, asks="log2 of the time of a over b", **given)
    text = article(verdict("C5", one))
    assert "8.00 times the time, above the margin of 2.00</h4>" in text
    assert '<td class="value">8.00 [4.00, 16.0]</td>' in text
    assert state_rule(one) == (
        "supported if the interval lies above 2.00 times the time, refuted if it lies "
        "below"
    )
    assert state_question(one) == "the time of a over b"
    counts = answer(asks="weights in doublings: none, less with two", unit="doublings")
    assert state_question(counts) == "weights: none, over with two"
    flips = case("", math.log(1.5), math.log(1.2), math.log(2.0), outcome="equivalent")
    given = {"unit": "log ratio", "margin": math.log(1.1), "rule": SAME.text}
    assert state_finding(answer("supported", flips, **given)) == (
        "1.50 times as many flips, within the margin of 0.91 to 1.10"
    )


def test_an_exact_effect_has_no_interval():
    exact = case("", 36.0, 36.0, 36.0, interval="exact count", n=1)
    text = article(verdict("C1", answer("supported", exact, p=None)))
    assert '<td class="value">36.0</td>' in text and "[36" not in text
    assert "<dd>exact count</dd>" in text and "whichever seed" not in text
    assert 'class="range"' not in text.partition("</table>")[0]


def test_what_is_undetermined_says_what_it_would_take():
    one = case(outcome="undetermined", turning=(3, 5), needed=1200)
    assert state_firmness(answer("undetermined", one)) == (
        "Without one of the seeds the outcome would be another. 1,200 seeds would "
        "decide what is undecided, at 80 % power."
    )
    both = answer("undetermined", one, case(), case(needed=7, outcome="undetermined"))
    assert state_firmness(both) == (
        "Without one of the seeds the outcome would be another in 1 of 3 cases. 7 to "
        "1,200 seeds would decide what is undecided, at 80 % power."
    )


def test_arms_are_words():
    assert spell_arms("accuracy, max less decimate, 300 images") == (
        "accuracy, max pooling less bare stride, 300 images"
    )
    assert spell_arms("max_blur, head=gap") == "max and blur, head=gap"
    for words in (
        "two max poolings less max and blur",
        "strided convolution over max and adaptive phase",
        "lowpass: binomial less none",
    ):
        assert spell_arms(words) == words
    assert word_verdict("depends: head") == "Depends on the head"
    assert word_verdict("no difference") == "No difference"
    waits = word_verdict("undetermined: 7 of 10 seeds")
    assert waits == "Undetermined, after 7 of 10 seeds"


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
