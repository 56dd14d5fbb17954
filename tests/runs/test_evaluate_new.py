"""Folders of rows of what was not trained there: of one network, and all of them."""

import json

import numpy as np
import pytest
from in_process import call

from research import config
from research.errors import UserError
from research.runs.evaluate import evaluate_run, evaluate_untrained
from research.runs.outcome import is_done, read_digests, unmeasured
from research.runs.run import run
from research.runs.tables import read_rows

TINY = ["model=tiny", "data.train_examples=64", "train.epochs=1", "eval=accuracy"]
TINY += ["train.batch_size=32"]
HOW = {"choices": {}, "command": ""}


@pytest.fixture
def asked(tmp_path):
    def compose(*words):
        place = f"data.dir={tmp_path / 'data'}"
        return config.compose("model=tiny", *words, place, config="eval")

    return compose


@pytest.mark.parametrize(
    "words, told",
    [
        (["model=mlp"], "downsample"),
        (["seed=1"], "seed was 0 and is 1"),
        (["wrap=average"], "wrap"),
    ],
)
def test_another_network_is_not_measured_into_a_folder(asked, tmp_path, words, told):
    out = tmp_path / "out"
    evaluate_untrained(asked("eval=cost"), out, **HOW)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match=f"of another config: {told}"):
        evaluate_untrained(asked("eval=accuracy", *words), out, **HOW)
    assert before == {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}


def test_what_was_measured_is_known_by_its_parameters(asked, tmp_path):
    out = tmp_path / "out"
    evaluate_untrained(asked("eval=cost"), out, **HOW)
    few = asked("eval=shift", "eval.shift.max_shift=2", "data.validation_examples=40")
    evaluate_untrained(few, out, **HOW)
    assert set(read_digests(out)) == {"cost", "shift"} and is_done(out, few)
    more = asked("eval=[shift,cost]", "data.validation_examples=40")
    assert unmeasured(out, more) == ["shift"]
    other = [*("eval=shift", "split=validation"), "data.validation_examples=40"]
    evaluate_untrained(asked(*other), out, **HOW)  # beside the others
    assert unmeasured(out, more) == ["shift"] and is_done(out, few)
    done = json.loads((out / "done.json").read_text())
    assert done["parameters"] > 0 and "seconds" in done


def test_runs_of_one_name_have_a_folder_each_when_they_are_wrapped(tmp_path):
    place, line = f"data.dir={tmp_path / 'data'}", [f"root={tmp_path}", "eval=accuracy"]
    for name, seed in (("a", 0), ("b", 1)):
        cfg = config.compose(*TINY, f"seed={seed}", place)
        run(cfg, tmp_path / name / "run", choices={}, command="")
    words = [f"run_dir={tmp_path}/*/run", "wrap=average", place, *line]
    status, error = call("evaluate", *words)
    assert status == 0, error
    made = sorted(path.parent.name for path in tmp_path.rglob("evaluate/**/done.json"))
    assert made == ["a,run", "b,run"]
    assert {*read_rows(tmp_path / "evaluate")["seed"]} == {0, 1}


def test_a_run_is_measured_on_as_many_test_images_as_are_asked_for(tmp_path):
    place = f"data.dir={tmp_path / 'data'}"
    run(
        config.compose(*TINY, "data.test_examples=30", place),
        tmp_path / "run",
        choices={},
        command="",
    )
    counts = []
    for words in ([], ["data.test_examples=50"]):
        cfg = config.compose("eval=calibration", *words, place, config="eval")
        evaluate_run(cfg, tmp_path / "run", overrides=[*words, place])
        rows = read_rows(tmp_path / "run")
        counts.append(rows.groupby("evaluator")["n"].max().to_dict())
    assert [one["accuracy"] for one in counts] == [30, 30]
    assert [one["calibration"] for one in counts] == [360, 50]
    assert np.isfinite(rows["value"]).all()
