"""Rows that a finished run gets later: of what, of which code, and beside which."""

import json
import re
import shutil

import numpy as np
import pytest
from flax import nnx
from in_process import call

from research import config
from research.adapters.function import find_function
from research.errors import UserError
from research.files.lines import read_lines
from research.jobs.lock import Held, Lock
from research.runs import evaluate
from research.runs.evaluate import (
    evaluate_run,
    evaluate_untrained,
    evaluate_wrapped,
    has_moved,
)
from research.runs.foreign import Foreign
from research.runs.measure import check_all
from research.runs.outcome import read_digests
from research.runs.pack import pack
from research.runs.rows import Measured, read_arrays
from research.runs.run import load, run
from research.runs.tables import read_rows

TINY = ["model=tiny", "data.train_examples=64", "train.epochs=1"]
TINY += ["train.batch_size=32", "train.checkpoint_seconds=60.0"]
WHOLE = [*TINY, "eval=accuracy", "data.validation_examples=40"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("evaluate")


@pytest.fixture(scope="module")
def trained(place):
    """A run that measured test examples, and what that left."""
    words = [*WHOLE, f"data.dir={place / 'data'}"]
    run(config.compose(*words), place / "run", choices={}, command="", overrides=words)
    return place / "run"


@pytest.fixture(autouse=True)
def no_place_in_the_environment(monkeypatch):
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)


def contents(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in files if path.name != "done.json"}


def asked(*words):
    return config.compose("eval=accuracy", *words, config="eval")


def test_another_split_has_files_of_its_own(trained):
    before = contents(trained)
    evaluate_run(asked("split=validation"), trained)
    after = contents(trained)
    assert before.items() <= after.items()
    added = {str(path.relative_to(trained)) for path in after.keys() - before.keys()}
    assert added == {f"eval/accuracy.validation.{kind}" for kind in ("jsonl", "npz")}

    assert set(read_digests(trained)) == {"accuracy", "accuracy.validation"}

    rows = read_rows(trained)
    counts = rows[rows["measure"] == "accuracy"].set_index("split")["n"]
    assert counts.to_dict() == {"test": 360, "validation": 40}
    for split, count in counts.items():
        assert len(
            read_arrays(trained, "accuracy", split)["accuracy/loss/examples"]
        ) == (count)


def test_rows_name_the_code_that_measured_and_the_run_its_own(trained, monkeypatch):
    told = (trained / "provenance.json").read_bytes()
    monkeypatch.setattr(evaluate, "find_commit", lambda: "f" * 40)
    evaluate_run(asked("eval=cost"), trained)
    rows = read_lines(trained / "eval/cost.jsonl")
    assert {(row["run"], row["seed"], row["commit"]) for row in rows} == {
        ("run", 0, "f" * 40)
    }
    assert (trained / "provenance.json").read_bytes() == told
    commit = json.loads(told)["commit"]
    assert read_lines(trained / "eval/accuracy.jsonl")[0]["commit"] == commit


def test_a_changed_checkout_is_told(monkeypatch):
    from research.runs import provenance

    monkeypatch.setattr(provenance, "git", lambda *words: words[0])
    assert provenance.find_commit() == "rev-parse-dirty"
    monkeypatch.setattr(provenance, "git", lambda *words: words[0] * ("H" in words[-1]))
    assert provenance.find_commit() == "rev-parse"


def test_the_data_of_the_run_are_taken_unless_others_are_given(trained, tmp_path):
    elsewhere = f"data.dir={tmp_path / 'other'}"
    evaluate_run(asked(elsewhere), trained)  # as a default of the script would be
    assert not (tmp_path / "other").exists()
    evaluate_run(asked(elsewhere), trained, overrides=["eval=accuracy", elsewhere])
    assert (tmp_path / "other/digits").is_dir()


@pytest.mark.parametrize(
    "before, now, environment, expected",
    [
        ([], [], None, False),
        ([], [], "/data", True),
        (["data.dir=/mine"], [], "/data", False),
        (["data.dir=/mine"], ["data.dir=/new"], None, True),
        ([], ["+data.dir=/new"], "/data", True),
        ([], ["eval.fit.data.dir=/new"], None, False),
    ],
)
def test_where_the_data_are(monkeypatch, before, now, environment, expected):
    if environment is not None:
        monkeypatch.setenv("TFDS_DATA_DIR", environment)
    assert has_moved(before, now) is expected


def test_two_do_not_write_to_one_folder_at_once(trained):
    before = contents(trained)
    lock = Lock(trained)
    with pytest.raises(Held, match=f"{trained} is being run by pid"):
        evaluate_run(asked("eval=fragile"), trained)
    lock.remove()
    assert contents(trained) == before
    evaluate_run(asked("eval=fragile"), trained)
    assert (trained / "eval/fragile.jsonl").exists()
    assert not (trained / "lock").exists()


def test_a_run_that_is_not_finished_is_not_measured(trained, tmp_path):
    """Its rows would lie among those of the trained network later."""
    folder = tmp_path / "run"
    shutil.copytree(trained, folder)
    (folder / "done.json").unlink()
    before = contents(folder)
    for words in ((), ("wrap=average",)):
        with pytest.raises(UserError, match=f"run_dir={folder}: .* not finished"):
            if words:
                out = tmp_path / "out"
                more = {"choices": {"wrap": "average"}, "command": ""}
                evaluate_wrapped(asked(*words), folder, out, **more)
            else:
                evaluate_run(asked(), folder)
    assert contents(folder) == before and not (tmp_path / "out").exists()


def test_of_a_pattern_those_that_are_finished_are_measured(trained, tmp_path):
    for name in ("a", "b"):
        shutil.copytree(trained, tmp_path / name)
        (tmp_path / name / "eval/cost.jsonl").unlink(missing_ok=True)
    (tmp_path / "a/done.json").unlink()
    words = [f"run_dir={tmp_path}/*", "eval=cost", f"root={tmp_path / 'out'}"]
    status, said = call("evaluate", *words)
    assert status == 0, said
    assert f"left out: 1 run, such as {tmp_path}/a, not finished" in said
    assert (tmp_path / "b/eval/cost.jsonl").exists()
    assert not (tmp_path / "a/eval/cost.jsonl").exists()
    (tmp_path / "b/done.json").unlink()
    status, said = call("evaluate", *words)
    assert status == 2 and said.startswith(f"error: run_dir={tmp_path}/a: this run is")
    assert said.count("\n") == 1


def test_rows_of_another_split_do_not_replace_those_that_are_there(tmp_path):
    """Of what was not trained, too."""
    place = f"data.dir={tmp_path / 'data'}"
    for split in ("test", "validation", "test"):
        words = ["model=tiny", "data.validation_examples=40", f"split={split}", place]
        more = {"choices": {}, "command": ""}
        evaluate_untrained(asked(*words), tmp_path / "out", **more)
    rows = read_rows(tmp_path / "out")
    counts = rows[rows["measure"] == "accuracy"].set_index("split")["n"]
    assert counts.to_dict() == {"test": 360, "validation": 40}
    assert set(rows["evaluator"]) == {"accuracy"}
    measured = {"accuracy", "accuracy.validation"}
    assert set(read_digests(tmp_path / "out")) == measured


def test_a_store_has_no_networks_to_measure(trained, tmp_path):
    pack(trained.parent, tmp_path / "store")
    for place in (tmp_path / "store", tmp_path / "store" / "run"):
        words = [f"run_dir={place}", "eval=cost", f"root={tmp_path / 'out'}"]
        status, said = call("evaluate", *words)
        assert status == 2 and said.count("\n") == 1
        assert f"run_dir={place}: {tmp_path}/store is a packed store, which" in said


def test_rows_half_written_anew_are_of_no_finished_run(tmp_path, monkeypatch):
    out = tmp_path / "out"
    evaluate = {"choices": {}, "command": ""}
    evaluate_untrained(asked("model=tiny", "eval=cost"), out, **evaluate)
    assert (out / "done.json").exists()

    def kill(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Measured, "write", kill)
    with pytest.raises(KeyboardInterrupt):
        evaluate_untrained(asked("model=tiny", "eval=cost"), out, **evaluate)
    assert (out / "eval/cost.jsonl").exists() and not (out / "done.json").exists()


def test_no_run_folder_is_made_of_a_folder_that_is_none(tmp_path):
    with pytest.raises(UserError, match="no run folder"):
        evaluate_run(asked(), tmp_path / "nothing")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "words, told",
    [
        (["eval=shift", "eval.shift.max_shift=50"], "eval.shift.max_shift=50: .* 1 to"),
        (["split=validation"], "split=validation .*data.validation_examples=0"),
        (["eval=embed", "eval.embed.steps=50"], "eval.embed.steps=50"),
    ],
    ids=lambda x: str(x[0]),
)
def test_what_an_evaluator_cannot_do_is_told_before_training(
    place, tmp_path, words, told
):
    cfg = config.compose(*TINY, *words, f"data.dir={place / 'data'}")
    with pytest.raises(UserError, match=told):
        run(cfg, tmp_path / "run", choices={}, command="")
    assert not contents(tmp_path)


def test_asking_beforehand_changes_no_result(place, trained, tmp_path, monkeypatch):
    monkeypatch.setattr("research.runs.experiment.check_all", lambda *_: None)
    words = [*WHOLE, f"data.dir={place / 'data'}"]
    run(config.compose(*words), tmp_path, choices={}, command="")
    name = "accuracy/loss/examples"
    ours, theirs = (read_arrays(f, "accuracy")[name] for f in (trained, tmp_path))
    np.testing.assert_array_equal(ours, theirs)


def test_a_foreign_classifier_is_found_by_name():
    assert find_function("numpy:asarray") is np.asarray


@pytest.mark.parametrize("wrong", ["tasks.metrics:correct", "errors:Interrupted"])
def test_a_foreign_classifier_takes_images_alone(wrong):
    """A function of more, or a class in the place of an object of it."""
    with pytest.raises(UserError, match="takes a function of one argument, the images"):
        find_function(f"research.{wrong}")


@pytest.mark.parametrize(
    "wrong",
    ["no.such:thing", "research.tasks.metrics:nothing", "research.tasks.metrics"],
)
def test_a_foreign_classifier_that_is_not_there_is_named(wrong):
    with pytest.raises(UserError, match=f"predict={wrong}"):
        find_function(wrong)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda images: None, "nothing for 4 images"),
        (lambda images: np.zeros((4, 5)), r"an array \(4, 5\) .* \(4, 10\)"),
        (lambda images: np.zeros((4, 11)), r"an array \(4, 11\)"),
        (lambda images: np.zeros((3, 10)), r"an array \(3, 10\)"),
        (lambda images: np.zeros(4), r"an array \(4,\)"),
        (lambda images: {"logits": np.zeros((4, 10))}, "an array"),
        (lambda images: "ten", "an array"),
    ],
)
def test_what_a_foreign_classifier_returns_is_looked_at(answer, said):
    with pytest.raises(UserError, match=f"predict=mine:net: returned {said}"):
        Foreign(answer, "mine:net", 10)(np.zeros((4, 8, 8, 1)))
    kept = Foreign(lambda images: [[0.0] * 10] * 4, "mine:net", 10)
    assert np.shape(kept(np.zeros((4, 8, 8, 1)))) == (4, 10)


@pytest.mark.parametrize(
    "word",
    [
        *("data=mnist", "data=folder", "data.validation_examples=100"),
        *("seed=1", "model=resnet20", "+mine=1", "setting=b2"),
    ],
)
def test_what_a_run_has_chosen_already_is_refused(trained, word):
    before = contents(trained)
    with pytest.raises(UserError, match=f"{re.escape(word)}: .*as they were trained"):
        evaluate_run(asked(), trained, overrides=[word])
    assert contents(trained) == before


def test_images_of_other_statistics_are_said(trained, tmp_path, capsys):
    """The same name and version in another folder, with other pictures."""
    data, other = trained.parent / "data", tmp_path / "other"
    shutil.copytree(data, other)
    for path in other.rglob("arrays.json"):
        found = json.loads(path.read_text())
        path.write_text(json.dumps(found | {"mean": [0.7]}))
    evaluate_run(asked(f"data.dir={data}"), trained, overrides=[f"data.dir={data}"])
    assert "far from" not in capsys.readouterr().err
    evaluate_run(asked(f"data.dir={other}"), trained, overrides=[f"data.dir={other}"])
    said = [line for line in capsys.readouterr().err.splitlines() if "far from" in line]
    assert len(said) == 1 and f"{other}/digits/1.0.0" in said[0] and "[0.7]" in said[0]


def test_a_run_standardises_as_it_was_trained(place, tmp_path):
    """What was recorded then is kept, whatever the data say of themselves now."""
    data = tmp_path / "data"
    words = [*WHOLE, "data.mean=null", "data.std=null", f"data.dir={data}"]
    cfg = config.compose(*words)
    run(cfg, tmp_path / "run", choices={}, command="", overrides=words)
    trained = load(tmp_path / "run")[1]
    for path in data.rglob("arrays.json"):
        found = json.loads(path.read_text())
        path.write_text(json.dumps(found | {"mean": [0.7], "std": [0.4]}))
    again = load(tmp_path / "run")[1]
    assert again.mean == trained.mean == (0.0999,) and again.std == trained.std


def test_one_class_is_nothing_to_measure(trained):
    cfg = config.compose("eval=accuracy", "data.classes=1")
    split = config.data(asked(f"data.dir={trained.parent / 'data'}")).split("test")
    with pytest.raises(UserError, match="data.classes=1: .* at least 2 classes"):
        check_all(config.evals(cfg), lambda images: images, split, cfg)


def test_advice_about_a_split_without_examples_can_be_followed(tmp_path):
    words = [*TINY, "eval=accuracy", "split=validation", f"data.dir={tmp_path}"]
    with pytest.raises(UserError, match="data.validation_examples=N"):
        run(config.compose(*words), tmp_path / "run", choices={}, command="")
    words += ["data.validation_examples=40"]
    run(config.compose(*words), tmp_path / "run", choices={}, command="")
    assert list((tmp_path / "run" / "eval").iterdir())


def test_a_network_is_asked_as_it_will_be_measured():
    """Beforehand, too: dropout, which draws, is for training."""
    cfg = config.compose("model=tiny", "model/head=vgg", "eval=cost")
    network = config.network(cfg, rngs=nnx.Rngs(0))
    split = config.data(cfg).split("test")
    check_all(config.evals(cfg), network, split, cfg)
    assert network.readout.dropout.deterministic is False


@pytest.mark.parametrize("kind", ["npz", "jsonl"])
def test_a_folder_in_the_way_of_rows_changes_nothing(trained, tmp_path, kind):
    run_dir = tmp_path / "run"
    shutil.copytree(trained, run_dir)
    path = run_dir / f"eval/accuracy.{kind}"
    path.unlink()
    path.mkdir()
    before = (run_dir / "done.json").read_bytes()
    with pytest.raises(UserError, match=rf"^{path} is a folder.*move it away$"):
        evaluate_run(asked("eval=accuracy"), run_dir)
    assert (run_dir / "done.json").read_bytes() == before
