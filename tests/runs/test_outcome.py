"""What counts as done: old folders, moved code, changed evaluators, packed stores."""

import json
import shutil
from pathlib import Path

import pytest

from research import config
from research.errors import UserError
from research.jobs import status
from research.runs import identity, outcome
from research.runs.evaluate import evaluate_run
from research.runs.outcome import find_stored, is_done, is_trained, unmeasured
from research.runs.pack import pack
from research.runs.run import run
from research.runs.tables import read_metrics, read_rows

FIRST = Path(__file__).parents[1] / "data" / "first_edition_run"
TINY = ["model=tiny", "data.train_examples=64", "train.epochs=1"]
TINY += ["train.batch_size=32"]


# What `setting=cpu/marks` said in the first edition.
SETTING = ["data=marks", "eval=[accuracy,receptive,cost]", "name=cpu", "seeds=5"]
SETTING += ["model.padding=circular", "model.widths=[16,32,32]", "train.epochs=8"]
SETTING += [
    "train.batch_size=64",
    "eval.receptive.examples=32",
    "eval.cost.parts=false",
]


def made_with(folder, *more):
    """The config of a run folder, composed by today's code from its overrides."""
    words = json.loads((folder / "provenance.json").read_text())["overrides"]
    overrides = [one for one in words if not one.startswith("setting=")]
    assert len(overrides) == len(words) - 1
    return config.compose(*SETTING, *overrides, *more)


@pytest.fixture
def first(tmp_path):
    return Path(shutil.copytree(FIRST, tmp_path / "first"))


def test_a_run_of_the_first_edition_is_found_done(first):
    cfg = made_with(first)
    assert is_done(first, cfg)
    done = json.loads((first / "done.json").read_text())
    assert "training" not in done and len(done["config_sha256"]) == 64
    outcome.finish(first, cfg)
    assert is_done(first, cfg), "by the digests of today"
    assert "config_sha256" not in json.loads((first / "done.json").read_text())


def test_it_is_found_done_after_modules_moved_and_a_default_was_added(
    first, monkeypatch
):
    text = (first / "config.yaml").read_text()
    assert "research.losses" in text, "the fixture is of code that has moved since"
    (first / "config.yaml").write_text(text.replace("research.", "research.attic."))
    cfg = made_with(first, "+optim.nesterov=false")
    assert not is_trained(first, cfg)
    monkeypatch.setitem(identity.ABSENT, "optim.nesterov", False)
    assert is_done(first, cfg)
    assert not is_trained(first, made_with(first, "+optim.nesterov=true"))


def test_another_training_is_refused_by_its_key(first):
    cfg = made_with(first, "train.epochs=7")
    assert not is_trained(first, cfg)
    with pytest.raises(UserError, match="train.epochs was 8 and is 7"):
        outcome.require_same_training(first, cfg)


def test_a_changed_evaluator_is_all_that_is_left(first):
    assert unmeasured(first, made_with(first)) == []
    cfg = made_with(first, "eval.receptive.examples=7")
    assert is_trained(first, cfg) and unmeasured(first, cfg) == ["receptive"]
    (first / "eval" / "cost.jsonl").unlink()
    assert unmeasured(first, made_with(first)) == ["cost"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished run, and the words that made it."""
    root = tmp_path_factory.mktemp("outcome")
    words = [*TINY, f"data.dir={root / 'data'}", "eval=accuracy"]
    folder = root / "runs" / "run"
    run(config.compose(*words), folder, choices={}, command="", overrides=words)
    return folder, words


def test_a_finished_run_is_measured_anew_and_not_trained(trained, tmp_path, capsys):
    folder, words = trained
    folder = Path(shutil.copytree(folder, tmp_path / "run"))
    before = (folder / "metrics.jsonl").read_bytes(), status.done(folder)
    kept = (folder / "eval" / "accuracy.jsonl").stat().st_mtime_ns
    more = [*words, "eval=[accuracy,shift]", "eval.shift.examples=8"]
    run(config.compose(*more), folder, choices={}, command="", overrides=more)
    after = (folder / "metrics.jsonl").read_bytes(), status.done(folder)
    assert after[0] == before[0] and after[1]["seconds"] == before[1]["seconds"]
    assert set(after[1]["evaluators"]) == {"accuracy", "shift"}
    assert (folder / "eval" / "accuracy.jsonl").stat().st_mtime_ns == kept
    assert set(read_rows(folder)["protocol"]) >= {"accuracy", "circular"}
    capsys.readouterr()
    run(config.compose(*more), folder, choices={}, command="", overrides=more)
    assert "done already" in capsys.readouterr().err


def test_without_a_checkpoint_it_is_trained_again_to_the_same_weights(
    trained, tmp_path
):
    folder, words = trained
    folder = Path(shutil.copytree(folder, tmp_path / "run"))
    rows, losses = read_rows(folder), read_metrics(folder)["loss"].tolist()
    shutil.rmtree(folder / "checkpoints")
    more = [*words, "eval=[accuracy,shift]", "eval.shift.examples=8"]
    run(config.compose(*more), folder, choices={}, command="", overrides=more)
    again = read_rows(folder)
    again = again[again["protocol"] == "accuracy"]
    assert again["value"].tolist() == rows["value"].tolist()
    assert read_metrics(folder)["loss"].tolist() == losses


def test_rows_half_measured_anew_do_not_count(trained, tmp_path, monkeypatch):
    folder, words = trained
    folder = Path(shutil.copytree(folder, tmp_path / "run"))
    before = config.compose(*words)
    changed = [*words, "eval.accuracy.batch=7"]

    def killed(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("research.runs.experiment.measure_all", killed)
    with pytest.raises(KeyboardInterrupt):
        run(config.compose(*changed), folder, choices={}, command="", overrides=changed)
    assert is_trained(folder, before) and unmeasured(folder, before) == ["accuracy"]


def test_what_stays_measured_counts_while_others_are_measured_anew(
    trained, tmp_path, monkeypatch
):
    folder, words = trained
    folder = Path(shutil.copytree(folder, tmp_path / "run"))
    more = [*words, "eval=[accuracy,cost]"]
    monkeypatch.setattr(
        "research.runs.experiment.measure_all", lambda *args: exit("killed")
    )
    with pytest.raises(SystemExit, match="killed"):
        run(config.compose(*more), folder, choices={}, command="", overrides=more)
    assert unmeasured(folder, config.compose(*more)) == ["cost"]


def test_trained_again_under_another_split_the_rows_of_the_first_stay(
    trained, tmp_path
):
    folder, _ = trained
    words = [*TINY, f"data.dir={folder.parents[1] / 'data'}", "eval=accuracy"]
    words += ["data.validation_examples=40"]
    folder = tmp_path / "run"
    run(config.compose(*words), folder, choices={}, command="", overrides=words)
    shutil.rmtree(folder / "checkpoints")
    other = [*words, "split=validation"]
    run(config.compose(*other), folder, choices={}, command="", overrides=other)
    counts = read_rows(folder).groupby("split")["n"].first().to_dict()
    assert counts == {"test": 360, "validation": 40}
    assert is_done(folder, config.compose(*words))
    assert is_done(folder, config.compose(*other))


def test_a_folder_of_older_code_is_evaluated(trained, tmp_path):
    """Its config names objects by where they were, and lacks what came later."""
    folder, words = trained
    folder = Path(shutil.copytree(folder, tmp_path / "run"))
    text = (folder / "config.yaml").read_text().replace("research.", "research.attic.")
    (folder / "config.yaml").write_text(text)
    evaluate_run(config.compose("eval=fragile", config="eval"), folder)
    assert "fragile" in set(read_rows(folder)["protocol"])
    assert (folder / "config.yaml").read_text() == text


def test_of_two_spellings_in_a_store_the_one_with_all_rows_counts(trained, tmp_path):
    folder, words = trained
    more = [*words, "eval=[accuracy,shift]", "eval.shift.examples=8"]
    for place, overrides in (("a", words), ("b", more)):
        copy = Path(shutil.copytree(folder, tmp_path / "runs" / place / "run"))
        cfg = config.compose(*overrides)
        run(cfg, copy, choices={}, command="", overrides=overrides)
    pack(tmp_path / "runs", tmp_path / "store")
    found = find_stored(config.compose(*more, f"store={tmp_path / 'store'}"))
    assert found == str(tmp_path / "store" / "b" / "run")


def test_what_a_store_holds_is_done_elsewhere(trained, tmp_path, capsys):
    folder, words = trained
    pack(folder.parent, tmp_path / "store")
    here = [*words, f"store={tmp_path / 'store'}"]
    assert find_stored(config.compose(*here)) == str(tmp_path / "store" / "run")
    elsewhere = tmp_path / "elsewhere"
    run(config.compose(*here), elsewhere, choices={}, command="", overrides=here)
    assert "done already, in" in capsys.readouterr().err and not elsewhere.exists()
    assert find_stored(config.compose(*here, "seed=1")) is None
    assert find_stored(config.compose(*here, "eval=[accuracy,orbit]")) is None
    assert find_stored(config.compose(*here, "split=validation")) is None
    assert find_stored(config.compose(*words)) is None


def test_a_store_that_is_none_is_a_mistake(tmp_path):
    with pytest.raises(UserError, match=str(tmp_path)):
        find_stored(config.compose(f"store={tmp_path}"))


@pytest.mark.parametrize("content", ["", "- a list", "a: [unclosed"])
def test_a_damaged_config_is_one_line(first, content):
    (first / "config.yaml").write_text(content)
    with pytest.raises(UserError, match="config.yaml is damaged") as caught:
        is_trained(first, config.compose())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "what, place",
    [
        ("eval", Path.touch),
        ("eval", lambda path: path.symlink_to("gone")),
        ("eval/accuracy.npz", lambda path: path.mkdir(parents=True)),
    ],
    ids=["a file", "a dangling link", "a folder"],
)
def test_what_is_in_the_way_of_rows_is_refused_and_nothing_struck_out(
    tmp_path, what, place
):
    done = tmp_path / "done.json"
    done.write_text(json.dumps({"evaluators": {"accuracy": "0" * 64}}))
    before = done.read_bytes()
    place(tmp_path / what)
    with pytest.raises(UserError, match=f"{what} is .*move it away"):
        outcome.forget(tmp_path, config.compose("eval=accuracy"), ["accuracy"])
    assert done.read_bytes() == before
