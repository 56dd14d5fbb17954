"""What each arm scores by itself, beside the effects."""

import re

import pandas as pd
import pytest
from pages import Judged, verdict

from research import claims
from research.claims.measure import (
    ACCURACY,
    FITTED,
    PARAMETERS,
    STEADY,
    TRAINING_LOSS,
)
from research.report.levels import (
    Level,
    compared_arms,
    format_level,
    list_measures,
    prefer,
)
from research.report.page.levels import Measured, draw_levels, draw_measured
from research.report.page.picture import Scale, list_ticks
from research.report.page.render import ENVIRONMENT
from research.report.page.verdicts import describe_verdict
from research.report.page.words import read_unit


def level(arm, value, low=None, high=None, n=10, exact=False):
    return Level(arm, value, low, high, n, exact)


ARMS = level("max, 300 images", 90.0, 85.0, 95.0), level("none, 300 images", 55.0)
BOTH = Measured(ACCURACY, [*ARMS])


def test_arms_are_in_words_on_one_scale():
    row, other = draw_measured(BOTH).rows
    assert row.name == "max pooling, 300 images"
    assert row.text == "90.0 [85.0, 95.0]"
    assert row.low < row.dot < row.low + row.width <= 100
    assert other.width == 0 and 0 <= other.dot < row.low


def test_a_level_has_neither_margin_nor_nothing():
    plot = draw_measured(BOTH)
    assert plot.title == "Accuracy, in %: mean and 95 % interval, 10 seeds"
    assert (plot.zero, plot.margin, plot.better) == (None, None, "better →")
    layout = ENVIRONMENT.get_template("verdicts.html").module
    shown = describe_verdict(verdict(), {}, [plot])
    text = str(layout.article(shown)).partition("Each arm by itself")[2]
    assert "90.0 [85.0, 95.0]" in text and 'class="dot"' in text
    assert not re.search('class="(margin|threshold|zero)"', text)


def test_counts_are_given_in_full_and_small_losses_are_not():
    assert format_level(level("a", 18.0, exact=True), PARAMETERS) == "262,144"
    assert format_level(level("a", 2e-5, 1e-5, 3e-5), TRAINING_LOSS) == "< 0.001"
    assert format_level(level("a", 0.5, 0.4, 0.6), TRAINING_LOSS) == (
        "0.500 [0.400, 0.600]"
    )
    loss = level("a", 0.001234, 0.001067, 0.001389)
    assert format_level(loss, TRAINING_LOSS) == "0.0012 [0.0011, 0.0014]"


@pytest.mark.parametrize("name", [*claims.load()])
def test_every_claim_that_trains_for_an_answer_tells_how_good_its_arms_are(name):
    claim = claims.load()[name]
    if claim.arms:
        measures = list_measures(claim)
        assert any(prefer(one) for one in measures) or name == "c1"  # which counts
        assert len({repr(one) for one in measures}) == len(measures)


def test_training_images_are_told_of_all_arms():
    c3, c7 = claims.load()["c3"], claims.load()["c7"]
    assert list_measures(c3)[-1] == FITTED
    assert {*compared_arms(c3, FITTED)} == {*c3.arms}
    assert {"max", "none"} & {*compared_arms(c7, FITTED)} == set()  # names of curves
    assert compared_arms(claims.load()["c5"], FITTED) == []  # which times operators


def test_less_flips_are_better_however_they_are_counted():
    assert prefer(STEADY) == prefer(ACCURACY) == 1
    assert prefer(TRAINING_LOSS) == -1 and prefer(PARAMETERS) == 0


def test_long_ticks_stay_apart():
    texts = [text for _, text in list_ticks(read_unit("doublings"), Scale(15.8, 22.0))]
    assert texts == ["100k", "200k", "500k", "1M", "2M"]
    texts = [text for _, text in list_ticks(read_unit("doublings"), Scale(15.8, 33.0))]
    assert texts[:5] == ["100k", "500k", "2M", "10M", "50M"] and len(texts) == 8


def test_without_the_configs_of_arms_there_are_no_levels():
    nothing = pd.DataFrame()
    results = Judged(nothing, nothing, nothing, given=[verdict()])
    assert draw_levels(results, results.verdicts) == {}
