"""What the page says and draws of each verdict."""

from dataclasses import replace

import pytest
from pages import article, verdict

from research.report.formats import format_number
from research.report.page.picture import draw_intervals
from research.report.page.verdicts import count_kinds


def test_verdicts_are_counted(page_file):
    page = page_file.read_text()
    assert "Of 4 sentences: 1 supported, 1 refuted, 1 depends, 1 inconclusive." in page
    assert "2 depend" == count_kinds([verdict(verdict="depends: head")] * 2)


def test_a_verdict_states_its_numbers():
    text = article(verdict(), ["tradeoff"])
    for part in (
        "<b>2.25</b> [1.50, 3.00] percentage points",
        "; 95 %, paired t over 5 seeds",
        "supported if the interval lies above 0.50 percentage points",
        "&lt; 0.001; 0.006 after Holm",
        "2 of 5 seeds are missing",
        "python scripts/train.py -m experiment=c1",
        'data-figure="tradeoff"',
        "dimensions &amp; parameters",
        "<td>0.930</td>",
    ):
        assert part in text, part
    assert "data-figure" not in article(verdict())
    assert "<small>on head</small>" in article(verdict(verdict="depends: on head"))


def test_an_interval_is_drawn_to_scale():
    picture = draw_intervals(verdict(effect=1.0, low=-1.0, high=3.0, margin=1.0))
    (bar,) = picture.bars
    places = (bar.low, picture.zero, picture.margin, bar.effect, bar.high)
    assert tuple(map(float, places)) == (10, 60, 110, 110, 210)
    assert picture.caption == "1.00 [−1.00, 3.00] percentage points"
    text = article(verdict(effect=1.0, low=-1.0, high=3.0, margin=1.0))
    assert f'd="M10.0 {bar.y}H210.0M10.0' in text and 'cx="110.0"' in text
    assert f"<small>{picture.caption}</small>" in text
    assert draw_intervals(verdict(effect=None)) is None
    assert "<svg" not in article(verdict(effect=None))


def test_every_case_is_stated_and_drawn():
    levels = [("flatten", 0.03, -0.004, 0.064), ("global pooling", 7.36, 6.7, 8.02)]
    keys = ("contrast", "effect", "low", "high", "interval")
    lines = [
        dict(
            zip(keys, (f"primary, {name}", *ends, "paired t over 5 seeds"), strict=True)
        )
        for name, *ends in levels
    ]
    lines.append(lines[0] | {"contrast": "another"})
    both = verdict(verdict="refuted", margin=40.0, details=tuple(lines))
    text = article(both)
    assert text.count('class="dot"') == 2
    assert "flatten 0.03 [−0.00, 0.06]; global pooling 7.36 [6.70, 8.02]" in text
    assert "<small>0.03 to 7.36, 2 cases, percentage points</small>" in text
    assert "<dt>Effect, flatten</dt><dd><b>0.03</b> [−0.00, 0.06] percentage" in text
    assert "&lt; 0.001, the largest over the cases; 0.006 after Holm" in text
    for margin, null in ((40.0, "no effect"), (-0.5, "an effect at the margin")):
        assert f"p of {null}" in article(replace(both, margin=margin))


def test_an_exact_effect_has_no_interval():
    exact = verdict(effect=36.0, low=36.0, high=36.0, interval="exact count")
    assert "<small>36.0 percentage points</small>" in article(exact)
    text = article(exact)
    assert "[36" not in text and "<b>36.0</b> percentage points; exact count" in text


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
