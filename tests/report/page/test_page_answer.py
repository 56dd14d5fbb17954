"""The head of the page: what was asked, in numbers that are computed."""

import pandas as pd
import pytest
from flax import nnx
from test_page import Elements

from research.config import compose, network
from research.evals.engine.operations import count_operations
from research.evals.engine.receptive import receptive_fields
from research.report.page.answer import answer_question
from research.report.page.fields import MOST, count_products, find_field, shrink_maps
from research.report.page.render import ENVIRONMENT
from research.report.results import Results

NOTHING = Results(*[pd.DataFrame()] * 3)


@pytest.mark.parametrize(
    "downsample, window", [("max", 2), ("decimate", 1), ("max3", 3), ("none", None)]
)
def test_fields_are_those_of_the_networks(downsample, window):
    for convolutions in (2, 3, 4):
        widths = f"model.widths={[4] * convolutions}"
        words = ["data=mnist", f"downsample={downsample}", widths.replace(" ", "")]
        words += [f"model.poolings={convolutions - 1}", "model.padding=zero"]
        built = network(compose(*words), rngs=nnx.Rngs(0))
        *_, field = receptive_fields(built, (28, 28, 1))
        poolings = 0 if window is None else convolutions - 1
        found = find_field(convolutions, poolings, window or 2)
        assert field == (found, found), (downsample, convolutions)


@pytest.mark.parametrize(
    "downsample, poolings", [("max", 2), ("max", 0), ("decimate", 2)]
)
def test_costs_are_those_of_the_networks(downsample, poolings):
    words = ["data=mnist", f"downsample={downsample}", f"model.poolings={poolings}"]
    words += ["model.padding=zero", "model.widths=[4,6,6]", "model/head=gap"]
    built = network(compose(*words), rngs=nnx.Rngs(0))
    readout = 6 * 10
    strided = downsample == "decimate"
    found = count_products([4, 6, 6], 28, poolings, strided=strided)
    assert count_operations(built, (28, 28, 1)).multiply_adds == found + readout


def test_maps_are_those_of_the_book():
    assert list(shrink_maps(28, 3, 2)) == [26, 13, 11, 5, 3]
    assert list(shrink_maps(28, 3)) == [26, 24, 22]


def test_the_answer_is_that_of_the_book():
    found = answer_question(NOTHING)
    assert (found.pooled, found.image, found.plain, found.deeper) == (18, 28, 7, 19)
    assert found.strided == 15  # most of it is the stride
    assert (found.unpooled.values, found.unpooled.weights) == (
        "30,976",
        "15.86 million",
    )
    assert (found.book.values, found.book.weights) == ("576", "0.30 million")
    pooled, plain = found.chart.lines
    assert [one[2] for one in pooled.points] == [3, 8, 18, 38]
    assert [one[2] for one in plain.points] == [3, 5, 7, 9, 11, 13, 15, 17, 19]
    heights = [one[1] for one in pooled.points]
    assert heights == sorted(heights, reverse=True)
    assert found.chart.ticks[-1][1] == MOST
    assert heights[-1] < found.chart.whole < heights[-2]  # 28 of 18 and 38
    assert not found.measured


def test_who_has_two_minutes_reads_the_answer_first():
    layout = ENVIRONMENT.get_template("answer.html").module
    text = " ".join(str(layout.show(answer_question(NOTHING))).split())
    assert text.index("sees 18 of the 28 pixels along each axis; without them, 7") < 200
    for part in (
        "<b>Most of it is the stride.</b> With bare strides in place of the two",
        "a unit sees 15 pixels along each axis; the windows of the poolings add 3.",
        "no pooling a unit sees 19 pixels along each axis, for 37 times the",
    ):
        assert part in text, part
    assert "on the marks" not in text  # nothing was measured
    squares = [a for tag, a in Elements(text).found if tag == "rect" and "x" in a]
    assert [(one["width"], one["x"]) for one in squares] == [
        ("18", "5.0"), ("7", "10.5"), ("15", "6.5"), ("19", "4.5"),
    ]  # fmt: skip
