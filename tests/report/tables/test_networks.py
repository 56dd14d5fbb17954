"""The table of networks is the rows, laid out."""

from dataclasses import replace

import pandas as pd
import pytest

from research.errors import UserError
from research.report.results import Results
from research.report.tables.forms import to_markdown
from research.report.tables.networks import tabulate


def rows(path, whole):
    stage = {"parameters": 320, "multiply_adds": 194_688, "activation_bytes": 86_528}
    maps = {"height": 26, "width": 24, "channels": 32}
    fields = {"receptive_height": 3, "receptive_width": 5}
    readout = {"parameters": 10, "multiply_adds": 9, "activation_bytes": 40}
    both = {name: stage[name] + readout[name] for name in stage}
    for params, measures in (
        ({"part": "network"}, both | {"xla_flops": 1e6}),
        ({"part": "readout", "index": 10}, readout),
        ({"part": "Conv", "index": 2}, stage | maps | fields),
    ):
        for measure, value in measures.items():
            seen = "whole map" if whole and measure.startswith("receptive") else "r"
            yield {
                "path": path,
                "protocol": "cost",
                "measure": measure,
                "params": params,
                "value": value,
                "method": seen,
            }


def results():
    runs = pd.DataFrame(
        {
            "path": ["a", "b"],
            "run": ["a", "b"],
            "seed": [0, 0],
            "model": ["tiny", "tiny"],
            "downsample": ["max", "aps"],
            "config": [{"downsample.reduce": "Max"}, {"downsample.sample": "Energy"}],
        }
    )
    found = pd.DataFrame([*rows("a", False), *rows("b", True)])
    return Results(runs, found, metrics=found[:0])


def test_one_line_per_part_in_order_network_last():
    table = tabulate(results())
    assert list(table["arm"]) == ["max"] * 3 + ["aps"] * 3
    assert list(table["part"]) == ["2 Conv", "10 readout", "network"] * 2
    assert list(table["map"]) == ["26×24×32", "", ""] * 2
    assert list(table["receptive field"]) == ["3×5", "", "", "whole×whole", "", ""]
    assert list(table["multiply-adds"]) == [194_688, 9, 194_697] * 2
    assert "194,697" in to_markdown(table)


def test_networks_alone_have_a_line_each():
    alone = tabulate(results(), parts=False)
    assert list(alone) == ["arm", "parameters", "multiply-adds", "activation bytes"]
    assert list(alone["multiply-adds"]) == [194_697] * 2
    assert "Receptive" not in alone.attrs["caption"]


def test_without_rows_says_what_makes_them():
    found = results()
    with pytest.raises(UserError, match="eval=cost"):
        tabulate(replace(found, rows=found.rows[:0]))
