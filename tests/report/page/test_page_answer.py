"""The head of the page: what was asked, in numbers that are computed."""

import pandas as pd
import pytest
from flax import nnx

from research.config import compose, network
from research.evals.engine.receptive import receptive_fields
from research.report.page.answer import MOST, answer_question, find_field
from research.report.results import Results


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


def test_the_answer_is_that_of_the_book():
    found = answer_question(Results(*[pd.DataFrame()] * 3))
    assert (found.pooled, found.image, found.plain, found.deeper) == (18, 28, 7, 19)
    assert found.strided == 15  # most of it is the stride
    pooled, plain = found.lines
    assert [one[2] for one in pooled.points] == [3, 8, 18, 38]
    assert [one[2] for one in plain.points] == [3, 5, 7, 9, 11, 13, 15, 17, 19]
    heights = [one[1] for one in pooled.points]
    assert heights == sorted(heights, reverse=True) and found.ticks[-1][1] == MOST
    assert found.measured == []
