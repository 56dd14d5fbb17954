"""The best checkpoint by validation: beside the last, through kills, for evaluation."""

import math
import os
import signal

import numpy as np
import pytest
from finished_run import train
from omegaconf import OmegaConf
from small import identical, leaves, make_network, make_split
from small import train as train_small

from research import config
from research.errors import Interrupted, UserError
from research.runs import evaluate, identity
from research.runs.run import load
from research.runs.tables import read_rows
from research.training import loop
from research.training.checkpoint import Checkpoints
from research.training.loop import restore_network

VALUES = {4: 0.5, 8: 0.9, 12: 0.9}  # by step: the first of equals is the best


def keep(folder, values, measure="accuracy", **settings):
    """Trains with made up validation; returns the best network and its step."""
    steps = iter(settings.pop("ends", [4, 8, 12]))

    def validate(network, split, *, task, batch_size):
        step = next(steps)
        seen[step] = [np.array(x) for x in leaves(network)]  # before they are donated
        return {"examples": 1, "loss": values[step], "accuracy": values[step]}

    seen, split = {}, make_split()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "validate", validate)
        last = train_small(
            folder, split, validation=split, keep_best=measure, **settings
        )
    best = Checkpoints(folder / "checkpoints/best")
    (step,) = best.steps()
    network, notes = restore_network(make_network(seed=9), best)
    assert not notes
    if step in seen:
        assert all(map(np.array_equal, leaves(network), seen[step]))
    assert identical(last, restore_network(make_network(7), last_of(folder))[0])
    return network, step


def last_of(folder):
    return Checkpoints(folder / "checkpoints")


def test_it_is_the_first_of_the_best(tmp_path):
    best, step = keep(tmp_path, VALUES)
    assert step == 8 and last_of(tmp_path).steps()[-1] == 12
    last, _ = restore_network(make_network(7), last_of(tmp_path))
    assert not identical(best, last)


def test_no_number_is_no_value(tmp_path):
    """As of a loss that overflowed once."""
    assert keep(tmp_path, {4: math.nan, 8: 0.4, 12: 0.3})[1] == 8


def test_of_the_loss_the_least_is_the_best(tmp_path):
    assert keep(tmp_path, {4: 0.5, 8: 0.4, 12: 0.9}, "loss")[1] == 8


@pytest.mark.parametrize(
    "stop, ends",
    [
        (9, [4, 8]),
        pytest.param(5, [4], marks=pytest.mark.slow),  # trains twice again
        pytest.param(11, [4, 8, 12], marks=pytest.mark.slow),
    ],
)
def test_a_kill_changes_nothing_of_it(tmp_path, stop, ends):
    whole, step = keep(tmp_path / "whole", VALUES)

    def strike(now):
        if now == stop:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted):
        keep(tmp_path / "cut", VALUES, strike=strike, ends=ends)
    left = [one for one in (4, 8, 12) if one not in ends]
    again = keep(tmp_path / "cut", VALUES, ends=left)
    assert again[1] == step and identical(again[0], whole)


def test_a_best_one_beyond_the_step_that_a_run_goes_on_from(tmp_path):
    """A kill −9 leaves an older last checkpoint: the same epochs come again."""
    whole, step = keep(tmp_path / "whole", VALUES)
    keep(tmp_path / "cut", VALUES)
    for path in (tmp_path / "cut/checkpoints").glob("*.sha256"):
        path.unlink()
    assert last_of(tmp_path / "cut").steps() == []
    again = keep(tmp_path / "cut", VALUES)
    assert again[1] == step and identical(again[0], whole)


def test_it_changes_nothing_else(tmp_path):
    split = make_split()
    plain = train_small(tmp_path / "plain", split, validation=split)
    kept = train_small(tmp_path / "kept", split, validation=split, keep_best="loss")
    assert identical(plain, kept)


@pytest.mark.slow  # trains and evaluates
def test_evaluations_and_load_choose_it(tmp_path, monkeypatch):
    folder, losses = tmp_path / "runs/run", []

    def validate(*given, **options):
        """As it is, but the first epoch counts as the best."""
        means = loop_validate(*given, **options)
        losses.append(means["loss"])
        return means | {"loss": float(len(losses))}

    loop_validate = loop.validate
    monkeypatch.setattr(loop, "validate", validate)
    train(folder, "train.keep_best=loss")
    assert losses[0] != pytest.approx(losses[1], rel=1e-4)
    (_, first), (_, last) = load(folder, "best"), load(folder)
    pairs = zip(leaves(first), leaves(last), strict=True)
    assert not all(np.array_equal(a, b) for a, b in pairs)
    place = f"data.dir='{tmp_path / 'data'}'"
    words = ["checkpoint=best", "eval=accuracy", "split=validation", place]
    cfg = config.compose(*words, config="eval")
    out = tmp_path / "evaluate/run"
    evaluate.evaluate_wrapped(
        cfg, folder, out, overrides=words, choices={"wrap": "none"}, command="test"
    )
    found = read_rows(out).set_index("measure").value
    assert found["loss"] == pytest.approx(losses[0], rel=1e-5)
    configs = [OmegaConf.load(one / "config.yaml") for one in (folder, out)]
    assert len({identity.arm(one) for one in configs}) == 2
    assert len({identity.training_digest(one) for one in configs}) == 1
    own, other = (identity.evaluator_digest(one, "accuracy") for one in configs)
    assert own != other


def test_a_run_without_one_says_so(tmp_path):
    folder = tmp_path / "runs/run"
    train(folder)
    with pytest.raises(UserError, match=r"checkpoint=best: .* has kept none; train"):
        load(folder, "best")


@pytest.mark.parametrize(
    "words, answer",
    [
        (["train.keep_best=f1"], r"train\.keep_best=f1: takes loss, accuracy or null"),
        (
            ["train.keep_best=loss", "data.validation_examples=0"],
            r"train\.keep_best=loss: there are no validation examples; set data",
        ),
    ],
)
def test_what_decides_must_be_there(tmp_path, words, answer):
    with pytest.raises(UserError, match=answer):
        train(tmp_path / "runs/run", *words)
    assert not (tmp_path / "runs/run/config.yaml").exists()
