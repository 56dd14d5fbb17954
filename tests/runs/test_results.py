import json

import numpy as np
import pandas as pd
import pytest
from fake_runs import fake_run, fake_sweep

from research.errors import UserError
from research.evals.measurement import Measurement
from research.runs import read_metrics, read_predictions, read_rows, read_runs
from research.runs.outcome import file_name
from research.runs.rows import Row, read_arrays, write_measurements
from research.stats import bootstrap_mean

PROVENANCE = {"run": "max", "seed": 3, "commit": "abc", "device": "cpu"}


def test_of_examples_is_the_mean_with_its_interval():
    examples = np.arange(10) < 7
    one = Measurement.of_examples(
        *("circular", "agreement", examples),
        params={"max_shift": 3},
        method="brute force",
        arrays={"predictions": np.arange(10)},
    )
    assert (one.value, one.n, one.method) == (0.7, 10, "brute force")
    assert (one.low, one.high, one.interval) == bootstrap_mean(examples)
    assert one.key == "circular,max_shift=3/agreement"
    np.testing.assert_array_equal(one.arrays["examples"], examples)
    np.testing.assert_array_equal(one.arrays["predictions"], np.arange(10))


def test_of_examples_without_an_interval_says_none():
    one = Measurement.of_examples("accuracy", "loss", np.full(4, 0.25, np.float32))
    assert (one.value, one.low, one.high, one.interval) == (0.25, None, None, "")


def test_float32_examples_are_summed_in_float64():
    examples = np.full(50_001, 0.1, np.float32)
    one = Measurement.of_examples("accuracy", "loss", examples)
    assert one.value == pytest.approx(float(np.float32(0.1)), rel=1e-14)


def test_rows_and_arrays_come_back_as_they_were_written(tmp_path):
    loss = np.array([0.25, 0.5, 1.25], np.float32)
    measured = [
        Measurement.of_examples("accuracy", "accuracy", np.array([True, False, True])),
        Measurement.of_examples("accuracy", "loss", loss, arrays={"logits": np.eye(3)}),
        Measurement("cost", "flops", 12, 1, params={"part": "network"}),
        Measurement("orbit", "agreement", float("nan"), 0),
    ]
    rows = write_measurements(tmp_path, "all", iter(measured), PROVENANCE, "test")
    lines = (tmp_path / "eval/all.jsonl").read_text().splitlines()
    stored = [Row(**json.loads(line)) for line in lines]
    assert stored[:3] == rows[:3]
    assert stored[3].value is None  # strict JSON has no NaN
    first = stored[0]
    assert (first.run, first.seed, first.commit, first.split) == (
        *("max", 3, "abc"),
        "test",
    )
    arrays = read_arrays(tmp_path, "all")
    assert arrays.keys() == {
        "accuracy/accuracy/examples",
        "accuracy/loss/examples",
        "accuracy/loss/logits",
    }
    assert arrays["accuracy/loss/examples"].dtype == np.float32
    np.testing.assert_array_equal(arrays["accuracy/loss/logits"], np.eye(3))


def test_rows_of_two_splits_lie_side_by_side(tmp_path):
    folder = fake_run(tmp_path, "one")
    before = read_rows(folder)
    for split, value in {"test": 0.1, "validation": 0.2}.items():
        one = Measurement("zero", "mac", value, 5, arrays={"of": np.array(value)})
        name = file_name("mac", split, own="test")
        write_measurements(folder, name, [one], PROVENANCE, split)
    rows = read_rows(folder)
    assert len(rows) == len(before) + 2
    found = rows[rows["protocol"] + rows["measure"] == "zeromac"].set_index("split")
    assert found["value"].to_dict() == {"test": 0.1, "validation": 0.2}
    for split, value in found["value"].items():
        assert read_arrays(folder, "mac", split)["zero/mac/of"] == value


def test_measuring_twice_is_refused_and_nothing_is_written(tmp_path):
    twice = [Measurement("zero", "mac", 0.1, 5, params={"max_shift": 3})] * 2
    with pytest.raises(ValueError, match="measured twice: zero,max_shift=3/mac"):
        write_measurements(tmp_path, "shift", twice, PROVENANCE, "test")
    assert not list(tmp_path.iterdir())


def test_an_evaluator_that_fails_leaves_the_old_rows(tmp_path):
    def failing():
        yield Measurement("zero", "mac", 0.2, 5)
        raise RuntimeError

    good = [Measurement("zero", "mac", 0.1, 5)]
    write_measurements(tmp_path, "shift", good, PROVENANCE, "test")
    before = (tmp_path / "eval/shift.jsonl").read_bytes()
    with pytest.raises(RuntimeError):
        write_measurements(tmp_path, "shift", failing(), PROVENANCE, "test")
    assert (tmp_path / "eval/shift.jsonl").read_bytes() == before


def test_tables_of_a_sweep(tmp_path):
    fake_sweep(tmp_path / "deep/demo", seeds=2, arms=["max", "aps"])
    fake_run(tmp_path, "unfinished", done=False)
    fake_run(tmp_path / "deep/demo/downsample=max,seed=0", "inside a run")
    runs, rows, metrics = (f(tmp_path) for f in (read_runs, read_rows, read_metrics))
    assert sorted(zip(runs["downsample"], runs["seed"], strict=True)) == [
        *[("aps", 0), ("aps", 1)],
        *[("max", 0), ("max", 1)],
    ]
    assert (runs["parameters"] == 93322).all() and runs["done"].all()
    assert runs["eval"].unique() == ["accuracy, shift"]
    assert runs["config"].iloc[0]["downsample.stride"] == 2
    assert set(rows["path"]) == set(metrics["path"]) == set(runs["path"])
    assert len(rows) == 4 * 15 and len(metrics) == 4 * 24
    at = (rows["downsample"] == "aps") & (rows["protocol"] == "circular")
    assert (rows.loc[at, "value"] == 1).all()
    assert rows["low"].dtype == metrics["loss"].dtype == float

    everything = read_runs(tmp_path, done_only=False)
    assert list(everything[~everything["done"]]["run"]) == ["unfinished"]
    assert everything[~everything["done"]]["parameters"].isna().all()


def test_a_run_folder_is_a_root_of_itself(tmp_path):
    folder = fake_run(tmp_path, "one")
    assert list(read_runs(folder)["path"]) == [str(folder)]


def test_no_runs_make_empty_tables_with_columns(tmp_path):
    for read in (read_runs, read_rows, read_metrics, read_predictions):
        table = read(tmp_path)
        assert isinstance(table, pd.DataFrame) and table.empty
        assert "seed" in table


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(UserError, match=r"runs=.*nowhere: no such folder"):
        read_rows(tmp_path / "nowhere")
