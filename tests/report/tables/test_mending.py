"""What wrappers gain of the same classifier as it is, against differences by hand."""

import numpy as np
import pytest
from fake_runs import fake_run

from research.errors import UserError
from research.evals.measurement import Measurement
from research.report.results import Results
from research.report.tables.forms import to_markdown
from research.report.tables.mending import tabulate
from research.runs.rows import write_measurements

N = 40
WRAPS = {
    "none": {},
    "blur": {"_target_": "research.wrappers.blur.Blur", "taps": 5},
    "average": {"_target_": "research.wrappers.average.Average", "count": 3},
}
SECONDS = {"none": 0.002, "blur": 0.003, "average": 0.018}


def same(wrap, distance):
    rng = np.random.default_rng([distance, *wrap.encode()])
    return rng.random(N) < {"none": 0.6, "blur": 0.7}.get(wrap, 0.9)


def measured(root, wraps=tuple(WRAPS), *, speed=True, ratios=()):
    for wrap in wraps:
        folder = fake_run(
            root,
            wrap,
            preset="max",
            config={"predict": "a:b", "wrap": WRAPS[wrap]},
            choices={"wrap": wrap},
            examples=N,
        )
        (folder / "eval/shift.jsonl").unlink(missing_ok=True)
        row = Measurement.of_examples
        found = [
            row("window", "agreement", same(wrap, d), params={"distance": d})
            for d in (1, 2)
        ]
        if speed:
            params = {"batch": 64}
            name = "seconds_per_image"
            found.append(Measurement("speed", name, SECONDS[wrap], N, params=params))
        if wrap in ratios:
            found.append(Measurement("speed", "times_bare", 7.5, N, params=params))
        facts = {"run": wrap, "seed": 0, "commit": "0"}
        write_measurements(folder, "window", found, facts, "test")
    return Results.read(root)


def test_gains_are_differences_of_the_same_examples(tmp_path):
    whole = tabulate(measured(tmp_path))
    table = whole.set_index(["arm", "measure"])
    assert len(table) == 4
    for wrap in ("blur", "average"):
        for distance in (1, 2):
            line = table.loc[f"a:b, {wrap}", f"agreement, window by {distance} px"]
            bare, mended = same("none", distance), same(wrap, distance)
            assert line["gain"] == pytest.approx(mended.mean() - bare.mean())
            assert line["gain low"] <= line["gain"] <= line["gain high"]
            assert line["time"] == pytest.approx(SECONDS[wrap] / SECONDS["none"])
            assert line["milliseconds"] == pytest.approx(1000 * SECONDS[wrap])
    text = to_markdown(whole)
    assert "× 9.0" in text and "40 examples" in text
    assert "measured at another time than it" in text


def test_the_time_is_that_in_turn_with_the_bare_classifier_where_there_is_one(tmp_path):
    whole = tabulate(measured(tmp_path, ratios=("average",)))
    times = whole.groupby("arm")["time"].unique().map(list)
    assert times["a:b, average"] == [7.5]
    assert times["a:b, blur"] == pytest.approx([1.5])
    assert "measured at another time than it" in whole.attrs["caption"]


def test_times_in_turn_are_called_so(tmp_path):
    whole = tabulate(measured(tmp_path, ratios=("average", "blur")))
    assert "measured in turn with it" in whole.attrs["caption"]


def test_without_the_time_the_gains_are_there(tmp_path):
    text = to_markdown(tabulate(measured(tmp_path, speed=False)))
    assert "a:b, average" in text and "×" not in text


def test_without_the_bare_classifier_there_is_nothing_to_compare(tmp_path):
    with pytest.raises(UserError, match="no classifier was measured both as it is and"):
        tabulate(measured(tmp_path, ("blur", "average")))
