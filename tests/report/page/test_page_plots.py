"""The small plots: a claim and unit have one scale, nothing is impossible, no lie."""

import math
import re

import pytest
from pages import UNKNOWN, answer, article, case, verdict

from research import claims
from research.claims.rule import MORE_THAN
from research.report.page.picture import (
    Scale,
    choose_ticks,
    draw_plot,
    measure_scales,
)
from research.report.page.words import read_unit
from research.report.possible import clip_verdict

WIDE = Scale(-1.0, 3.0)


def test_an_interval_is_drawn_to_scale():
    one = answer("supported", case("", 1.0, -1.0, 3.0), margin=1.0)
    plot = draw_plot(one, WIDE)
    (row,) = plot.rows
    assert (row.low, row.dot, row.low + row.width) == (0, 50, 100)
    assert (plot.zero, plot.margin) == (25, (0, 50))
    text = article(verdict("C1", one))
    assert re.search(r'class="range" style="left:[\d.]+%;width:[\d.]+%"', text)


def test_all_plots_of_a_claim_and_unit_share_a_scale():
    small, large = answer("supported", case()), answer("supported", case(high=40.0))
    times = answer("supported", case(), unit="log ratio", margin=5.0)
    scales = measure_scales([small, times, large])
    assert set(scales) == {"percentage points", "log ratio"}
    scale = scales["percentage points"]
    assert scale.low < -0.5 and scale.high > 40  # the margin is seen, and all else
    assert scales["log ratio"].high < 40
    narrow = answer("no difference", case("", 0.0, -0.1, 0.1))
    alone = measure_scales([narrow])["percentage points"]
    assert alone.low < -0.5 and 0.5 < alone.high < 1
    assert draw_plot(small, scale).ticks == draw_plot(large, scale).ticks
    assert measure_scales([answer("not run", UNKNOWN)]) == {}


def test_cases_are_sorted_and_a_threshold_is_no_margin():
    cases = case("flattened", 0.03, -0.004, 0.064), case("pooled", 7.36, 6.7, 8.02)
    plot = draw_plot(answer("supported", *cases), Scale(-10.0, 10.0))
    assert [row.name for row in plot.rows] == ["pooled", "flattened"]
    assert plot.margin[1] > 0 and plot.better == "better →"
    one = answer("supported", *cases, rule=MORE_THAN.text, margin=2.0)
    assert draw_plot(one, Scale(-10.0, 10.0)).margin == (60, 0)
    text = article(verdict("C1", one))
    assert text.count('class="dot"') == 2 and text.count('class="threshold"') == 2
    assert 'class="margin"' not in text


def test_no_interval_lies_beyond_what_is_possible():
    beyond = case("", 4.99, 4.967, 5.0126)
    one = answer("refuted", beyond, key="nothing beyond")  # accuracy less 95 %
    given = clip_verdict(claims.load()["c6"], verdict("C6", one))
    assert "4.99 [4.97, 5.00]" in article(given)
    assert measure_scales(given.answers)["percentage points"].high < 5.5


@pytest.mark.parametrize(
    "unit, low, high, ticks",
    [
        ("percentage points", -6.9, 5.6, [-6, -4, -2, 0, 2, 4]),
        ("doublings", -0.2, 3.7, [1, 2, 4, 8]),
        ("doublings", -8.0, 9.0, [2.0**n for n in (-6, -3, 0, 3, 6, 9)]),
        ("doublings", 15.6, 21.9, [5e4, 1e5, 2e5, 5e5, 1e6, 2e6]),
        (
            "log ratio",
            math.log(0.79),
            math.log(1.42),
            [0.8, 0.9, 1, 1.1, 1.2, 1.3, 1.4],
        ),
    ],
)
def test_ticks_are_round(unit, low, high, ticks):
    assert choose_ticks(read_unit(unit), Scale(low, high)) == pytest.approx(ticks)


def test_what_is_not_run_has_no_plot():
    assert 'class="dot"' not in article(verdict("C1", answer("not run", UNKNOWN)))
