"""A damaged file of a run is one line that names it, whoever reads."""

import json

import pytest
from fake_runs import fake_run
from finished_run import copy_run, train
from stores import READERS

from research import config
from research.errors import UserError
from research.runs import read_metrics, read_rows, read_runs
from research.runs.evaluate import evaluate_run
from research.runs.folders import find_unfinished
from research.runs.pack import pack
from research.runs.rows import read_arrays


def refuse(read, *given):
    """Returns the one line that a reader refuses with."""
    with pytest.raises(UserError) as error:
        read(*given)
    line = str(error.value)
    assert "\n" not in line
    return line


def change(file, edit, line=0):
    """Edits one line of JSON in a file."""
    lines = file.read_text().splitlines()
    row = json.loads(lines[line])
    edit(row)
    lines[line] = json.dumps(row)
    file.write_text("\n".join(lines) + "\n")


ROWS = {
    "no value": lambda row: row.pop("value"),
    "value=": lambda row: row.update(value="0.5"),
    "params=": lambda row: row.update(params=None),
    "seed=": lambda row: row.update(seed=0.5),
    "n=": lambda row: row.update(n=True),
}


@pytest.mark.parametrize("fault", ROWS)
def test_a_row_that_is_none_is_named(tmp_path, fault):
    folder = fake_run(tmp_path, "one")
    file = folder / "eval/shift.jsonl"
    change(file, ROWS[fault], line=1)
    for read in (read_rows, lambda root: pack(root, tmp_path / "store")):
        line = refuse(read, tmp_path)
        assert line.startswith(f"{file}, line 2: ") and fault in line
    assert not (tmp_path / "store").exists()


def test_rows_that_stand_there_twice_are_not_two_seeds(tmp_path):
    folder = fake_run(tmp_path, "one")
    for name, read in (
        ("eval/shift.jsonl", read_rows),
        ("metrics.jsonl", read_metrics),
    ):
        file = folder / name
        content = file.read_bytes()
        count = content.count(b"\n")
        file.write_bytes(2 * content)
        line = refuse(read, tmp_path)
        assert line.startswith(f"{file}, line {count + 1}: it repeats line 1")
        file.write_bytes(content)


METRICS = {
    "step": lambda row: row.pop("step"),
    "loss=": lambda row: row.update(loss="low"),
    "epoch=": lambda row: row.update(epoch=[1]),
}


@pytest.mark.parametrize("fault", METRICS)
def test_a_row_of_training_that_is_none_is_named(tmp_path, fault):
    file = fake_run(tmp_path, "one") / "metrics.jsonl"
    change(file, METRICS[fault])
    line = refuse(read_metrics, tmp_path)
    assert line.startswith(f"{file}, line 1: ") and fault in line


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("done.json", '{"evaluators": []}'),
        ("done.json", '{"evaluators": {"shift": 1}}'),
        ("done.json", '{"steps": "many"}'),
        ("provenance.json", '{"run": "one"}'),
        ("provenance.json", '{"run": "one", "seed": "0"}'),
        ("provenance.json", '{"run": "one", "seed": 0, "choices": []}'),
        ("provenance.json", '{"run": "one", "seed": 0, "overrides": [1]}'),
        ("config.yaml", "- 1"),
        ("config.yaml", "a: 2026-99-99"),
    ],
)
def test_a_file_of_other_contents_is_named(tmp_path, name, content):
    folder = fake_run(tmp_path, "one")
    (folder / name).write_text(content)
    assert refuse(read_runs, tmp_path).startswith(f"{folder / name} is damaged: ")


@pytest.mark.parametrize(
    "name", ["provenance.json", "config.yaml", "eval/shift.jsonl", "metrics.jsonl"]
)
def test_a_folder_in_a_files_place_is_named(tmp_path, name):
    folder = fake_run(tmp_path, "one")
    (folder / name).unlink()
    (folder / name).mkdir()
    read = read_metrics if name == "metrics.jsonl" else read_rows
    assert str(folder / name) in refuse(read, tmp_path)


@pytest.mark.parametrize("name", ["done.json", "provenance.json"])
def test_a_finished_run_that_lost_a_file_does_not_vanish(tmp_path, name):
    folder = fake_run(tmp_path, "one")
    (folder / name).unlink()
    if name == "done.json":
        assert find_unfinished(tmp_path) == [folder]
    else:
        assert str(folder / name) in refuse(read_runs, tmp_path)


@pytest.mark.parametrize("content", [b"", b"x", b"PK\x03\x04", b"\x93NUMPY"])
def test_broken_arrays_are_named(tmp_path, content):
    folder = fake_run(tmp_path, "one")
    file = folder / "eval/shift.npz"
    whole = file.read_bytes()
    for harmed in (content, whole[: len(whole) // 2], whole[:-30]):
        file.write_bytes(harmed)
        for read in (READERS[-1], lambda root: read_arrays(folder, "shift")):
            line = refuse(read, tmp_path)
            assert line.startswith(f"{file} is damaged: ")
            assert str(file.with_suffix(".jsonl")) in line


def test_a_changed_config_is_not_evaluated_under_the_old_weights(tmp_path):
    run = copy_run(tmp_path)
    text = (run / "config.yaml").read_text()
    assert "learning_rate: 0.001" in text
    (run / "config.yaml").write_text(
        text.replace("learning_rate: 0.001", "learning_rate: 1")
    )
    overrides = ["eval=accuracy"]
    cfg = config.compose(*overrides, config="eval")
    rows = (run / "eval/accuracy.jsonl").read_bytes()
    line = refuse(lambda: evaluate_run(cfg, run, overrides=overrides))
    assert line.startswith(f"{run / 'config.yaml'} is damaged: ")
    assert (run / "eval/accuracy.jsonl").read_bytes() == rows


@pytest.mark.parametrize("edit", ["{}", "model: 3", "train:\n  epochs: 7"])
def test_a_changed_config_labels_no_arm(tmp_path, edit):
    """What it says is no longer what was trained."""
    fake_run(tmp_path, "one")
    config = fake_run(tmp_path, "two", seed=1) / "config.yaml"
    config.write_text(edit)
    for read in (read_runs, lambda runs: pack(runs, tmp_path / "store")):
        line = refuse(read, tmp_path)
        assert line.startswith(f"{config} is damaged: it is not the config that done")


@pytest.mark.parametrize("name", ["config.yaml", "provenance.json"])
def test_a_run_that_lost_a_file_is_not_trained_over(tmp_path, name):
    run = copy_run(tmp_path)
    (run / name).unlink()
    (run / "eval/accuracy.jsonl").unlink()  # something is left to do
    kept = {path: path.read_bytes() for path in (run / "checkpoints").rglob("*.sha256")}
    line = refuse(lambda: train(run, data=tmp_path / "data"))
    assert str(run / name) in line and kept.keys() <= {*run.rglob("*")}
