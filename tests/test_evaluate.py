"""Rows that a finished run gets later: of what, of which code, and beside which."""

import numpy as np
import pytest

from research import config
from research.errors import UserError
from research.results import read_arrays
from research.run import run

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
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def asked(*words):
    return config.compose("eval=accuracy", *words, config="eval")


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
    monkeypatch.setattr("research.run.checked", lambda *_: None)
    words = [*WHOLE, f"data.dir={place / 'data'}"]
    run(config.compose(*words), tmp_path, choices={}, command="")
    name = "accuracy/loss/examples"
    ours, theirs = (read_arrays(f, "accuracy")[name] for f in (trained, tmp_path))
    np.testing.assert_array_equal(ours, theirs)
