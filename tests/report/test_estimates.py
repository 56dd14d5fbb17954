"""Rows are selected by their parameters and averaged over seeds, with intervals."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from fake_runs import fake_run

from research.errors import UserError
from research.report.estimates import (
    describe_estimates,
    estimate_proportions,
    format_seeds,
    select_available,
    select_rows,
)
from research.runs.tables import read_rows


def test_select_wants_exactly_the_parameter(tmp_path):
    fake_run(tmp_path, "one")
    rows = read_rows(tmp_path)
    other = {"max_shift": 3, "compat": "aps_cifar"}
    rows = pd.concat([rows, rows.assign(params=[other] * len(rows))])
    assert list(
        select_rows(rows, "circular", "agreement", "max_shift")["max_shift"]
    ) == [3]
    far = select_rows(rows, "zero", "agreement", "distance")
    assert list(far["distance"]) == [1, 2, 3, 4, 5, 6]
    assert len(select_rows(rows, "accuracy", "accuracy")) == 1
    with pytest.raises(UserError, match="no rows of crop agreement at a max_shift on"):
        select_rows(rows, "crop", "agreement", "max_shift")
    with pytest.raises(UserError, match="on split=validation"):
        select_rows(rows, "accuracy", "accuracy", split="validation")


def rows_of(values, **more):
    return pd.DataFrame(
        {"arm": "max", "value": values, "low": [v - 0.1 for v in values], "n": 360}
        | {"high": [v + 0.1 for v in values], "interval": "bootstrap over examples"}
        | more
    )


def test_a_caption_names_each_interval_once():
    """Arms may mix two kinds, in either order, and a third have one of them."""
    mixed = ["Clopper–Pearson", "bootstrap"]
    made = [
        rows_of([0.5, 0.7], arm="a", interval=mixed),
        rows_of([0.5, 0.7], arm="b", interval=mixed[::-1]),
        rows_of([0.5], arm="c", interval="bootstrap"),
    ]
    found = estimate_proportions(pd.concat(made), ["arm"])
    assert list(found["how"]) == ["Clopper–Pearson or bootstrap"] * 2 + ["bootstrap"]
    text = describe_estimates(found)
    assert text.endswith("Bars: 95 % Clopper–Pearson or bootstrap.")


def test_three_seeds_have_a_t_interval():
    values = [0.90, 0.92, 0.97]
    found = estimate_proportions(rows_of(values), ["arm"]).iloc[0]
    ends = scipy.stats.t.interval(
        0.95, 2, np.mean(values), scipy.stats.sem(values)
    )  # .84 to 1.02
    assert (found.low, found.high) == pytest.approx((ends[0], 1))
    assert (found.how, found.seeds, found.n) == ("t over seeds", 3, 360)


def test_two_seeds_have_the_mean_of_their_intervals():
    found = estimate_proportions(rows_of([0.5, 0.7]), ["arm"]).iloc[0]
    assert (found.value, found.low, found.high) == pytest.approx((0.6, 0.5, 0.7))
    assert found.how == "bootstrap over examples"
    assert estimate_proportions(rows_of([0.5, 0.7]), ["arm"], fewest_seeds=2).how[
        0
    ] == ("t over seeds")


def test_seeds_without_spread_keep_the_intervals_over_examples():
    found = estimate_proportions(rows_of([1.0, 1.0, 1.0]), ["arm"]).iloc[0]
    assert (found.low, found.high) == pytest.approx((0.9, 1))


def test_no_interval_stays_none():
    found = estimate_proportions(
        rows_of([0.5], low=np.nan, high=np.nan, interval=""), ["arm"]
    )
    assert np.isnan(found.low[0]) and np.isnan(found.high[0])
    assert describe_estimates(found) == "360 examples, 1 seed."


def test_caption_states_all():
    estimates = pd.DataFrame(
        {"n": [360, 1797], "seeds": [2, 3], "how": ["t over seeds", "x over examples"]}
    )
    assert describe_estimates(estimates) == (
        "360–1,797 examples, 2–3 seeds. Bars: 95 % t over seeds or x over examples."
    )


def test_seeds_are_counted_in_words():
    counts = {"1 seed": [1, 1], "3 seeds": [3], "2–3 seeds": [3, 2], "0 seeds": [0]}
    for text, values in counts.items():
        assert format_seeds(pd.Series(values)) == text


def test_of_several_measurements_those_with_rows_are_selected(tmp_path):
    fake_run(tmp_path, "one")
    rows = read_rows(tmp_path)
    wanted = {"a": ("crop", "agreement"), "b": ("accuracy", "accuracy")}
    found = select_available(rows, wanted)
    assert list(found) == ["b"] and len(found["b"]) == 1
    with pytest.raises(UserError, match="no rows of crop agreement"):
        select_available(rows, {"a": wanted["a"]})
