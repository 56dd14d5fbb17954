"""What a run tells a logger: right values at rising steps, and nothing else changes."""

import json
import os
import signal
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from finished_run import TINY, train
from flax import nnx
from logged import Kept, check_curves, read_metrics

from research import config
from research.data.plan import Plan
from research.errors import Interrupted, UserError
from research.loggers.logger import require_package
from research.runs import curves, experiment
from research.runs.identity import run_name, training_digest
from research.runs.run import load


@pytest.fixture
def every_step(monkeypatch):
    monkeypatch.setattr(curves, "STEPS", 1)
    monkeypatch.setattr(curves, "SECONDS", 0.0)


@pytest.fixture
def kept(monkeypatch):
    """A logger that every config with one gets."""
    found, build = Kept(), config.build

    def build_or_keep(node, **given):
        return found if "Tensorboard" in str(node) else build(node, **given)

    monkeypatch.setattr(experiment.config, "build", build_or_keep)
    return found


LOGGED = ["logger=tensorboard", "eval=[accuracy,shift]", "train.steps_per_dispatch=1"]


def weights(folder):
    _, network = load(folder)
    return [np.asarray(x) for x in jax.tree.leaves(nnx.state(network))]


@pytest.mark.slow  # trains twice
def test_logging_changes_no_weight_and_no_row(tmp_path, kept, every_step):
    plain, logged = tmp_path / "runs/plain", tmp_path / "runs/logged"
    train(plain, "eval=[accuracy,shift]")
    train(logged, *LOGGED)
    assert read_metrics(plain) == read_metrics(logged)
    pairs = zip(weights(plain), weights(logged), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)
    assert (plain / "eval/shift.npz").read_bytes() == (
        logged / "eval/shift.npz"
    ).read_bytes()
    check_curves({n: kept.curve(n) for _, found in kept.values for n in found})
    assert kept.closed == 1 and kept.opened[0][1] == 0
    assert kept.opened[0][2]["train.batch_size"] == 32


@pytest.mark.slow  # trains and steps by hand
def test_points_are_means_of_the_steps_since_the_last(tmp_path, kept, every_step):
    train(tmp_path / "runs/logged", *LOGGED)
    rows = [r for r in read_metrics(tmp_path / "runs/logged") if r["split"] == "train"]
    for name in ("loss", "accuracy"):
        points, before = kept.curve(f"train/{name}"), 0
        for row in rows:
            of_epoch = [p for p in points if before < p[0] <= row["step"]]
            starts = [before, *(step for step, _ in of_epoch[:-1])]
            total = sum(
                (step - start) * value
                for start, (step, value) in zip(starts, of_epoch, strict=True)
            )
            assert total / 4 == pytest.approx(row[name], rel=1e-5)
            before = row["step"]
    row = next(r for r in read_metrics(tmp_path / "runs/logged") if "loss" in r)
    assert row.keys() == {"step", "epoch", "split", "examples", "loss", "accuracy"}


@pytest.mark.slow  # trains, and steps by hand
def test_the_learning_rate_and_the_gradient_are_those_of_the_step(
    tmp_path, kept, every_step
):
    """Against a loop over the first steps that is written another way."""
    folder = tmp_path / "runs/logged"
    place = f"data.dir='{tmp_path / 'data'}'"
    train(folder, *LOGGED, "optim.clip=0.001", "train.batch_size=128")
    cfg = config.compose(*TINY, place, "optim.clip=0.001", "train.batch_size=128")
    network = config.network(cfg, rngs=nnx.Rngs(cfg.seed))
    network.train()
    split = config.data(cfg).split("train")
    order = Plan(len(split), 128, 2, cfg.seed)[0]
    batch = {name: jnp.asarray(rows[order]) for name, rows in split.arrays.items()}
    batch["image"] = batch["image"].astype(jnp.float32) / 255
    task = config.task(cfg)
    grads = nnx.grad(lambda n: task.loss(n, batch)[0])(network)
    (first, norm), *_ = kept.curve("train/gradient_norm")
    assert first == 1
    assert norm == pytest.approx(float(optax.tree.norm(grads)), rel=1e-4)
    assert norm > 0.01, "before it is clipped"
    rates = dict(kept.curve("train/learning_rate"))
    for step, rate in rates.items():  # a cosine over two steps
        expected = 1e-3 * (1 + np.cos(np.pi * (step - 1) / 2)) / 2
        assert rate == pytest.approx(expected, abs=1e-9)


def test_a_run_that_goes_on_logs_from_where_it_was(tmp_path, kept, every_step):
    folder = tmp_path / "runs/cut"
    advance = curves.Curves.advance

    def strike(self, step, row):
        advance(self, step, row)
        if step == 6 and len(kept.opened) == 1:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(curves.Curves, "advance", strike)
        with pytest.raises(Interrupted):
            train(folder, *LOGGED)
        train(folder, *LOGGED)
    assert kept.closed == 2
    assert [step for _, step, _ in kept.opened] == [0, 7] or kept.opened[1][1] == 6
    steps = [step for step, _ in kept.curve("train/loss")]
    assert steps == sorted(set(steps)) and steps[-1] == 8
    assert [step for step, _ in kept.curve("test/accuracy/accuracy")] == [8]


def test_a_tracker_that_fails_costs_its_curves_and_nothing_else(
    tmp_path, kept, every_step, capsys
):
    def fail(step, values):
        raise ConnectionError("no route\nto host")

    kept.log = fail
    train(tmp_path / "runs/run", *LOGGED)
    said = capsys.readouterr().err
    assert said.count("the logger failed (ConnectionError: no route to host)") == 1
    assert len(read_metrics(tmp_path / "runs/run")) == 4 and not kept.values


def test_a_tracker_that_cannot_be_reached_is_one_line_before_training(
    tmp_path, monkeypatch
):
    from research.loggers.tensorboard import Tensorboard

    def refuse(self, *given):
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(Tensorboard, "__init__", refuse)
    monkeypatch.setattr(Tensorboard, "package", None)
    reason = "cannot be opened .ConnectionError: no route to host.; logger=none"
    with pytest.raises(UserError, match=f"^logger=tensorboard: {reason}"):
        train(tmp_path / "runs/run", "logger=tensorboard")
    assert not (tmp_path / "runs/run/checkpoints").exists()


def test_only_the_first_process_logs(tmp_path, kept, monkeypatch):
    monkeypatch.setattr(experiment.hosts, "leads", lambda: False)
    place = f"data.dir='{tmp_path / 'data'}'"
    built = experiment.build(config.compose(*TINY, place, *LOGGED))
    with built.draw_curves(tmp_path) as found:
        found.resume(0, ())
        found.record({"step": 1, "epoch": 1, "split": "validation", "loss": 1.0})
    assert not kept.opened and not kept.values
    assert found.gradients, "all processes compile one program"


def test_flips_are_drawn_of_the_smallest_shifts(tmp_path, kept):
    train(tmp_path / "runs/logged", *LOGGED, "model.padding=zero")
    arrays = dict(np.load(tmp_path / "runs/logged/eval/shift.npz"))
    key = "zero,max_shift=3/agreement"
    pairs, offsets = arrays[f"{key}/predictions"], arrays[f"{key}/offsets"]
    flipped = np.flatnonzero(pairs[:, 0] != pairs[:, 1])
    drawn = kept.curve("test/shift/zero/flips")
    assert len(flipped) and len(drawn) == 1
    step, picture = drawn[0]
    assert step == 8 and picture.dtype == np.uint8 and picture.shape[2] == 3
    images = (
        config.data(config.compose(*TINY, f"data.dir='{tmp_path / 'data'}'"))
        .split("test")
        .images
    )
    nearest = min(flipped, key=lambda one: np.abs(offsets[one, 0]).max())
    small = picture[:112:4, 116:228:4, 0]  # the unshifted image, each pixel four wide
    np.testing.assert_array_equal(small, images[nearest, ..., 0])
    dy, dx = offsets[nearest, 0]
    moved = np.zeros((28, 28), np.uint8)
    for y in range(28):
        for x in range(28):
            if 0 <= y - dy < 28 and 0 <= x - dx < 28:
                moved[y, x] = images[nearest, y - dy, x - dx, 0]
    np.testing.assert_array_equal(picture[:112:4, :112:4, 0], moved)


def test_a_logger_is_no_part_of_a_run():
    plain = config.compose()
    for option in ("tensorboard", "wandb", "trackio", "mlflow"):
        other = config.compose(f"logger={option}")
        assert training_digest(other) == training_digest(plain)
        assert run_name([f"logger={option}", "seed=1"]) == "seed=1"


def test_a_package_that_is_missing_is_one_line(tmp_path, monkeypatch):
    from research.loggers.wandb import Wandb

    monkeypatch.setattr(Wandb, "package", "no_such_tracker")
    with pytest.raises(UserError) as caught:
        train(tmp_path / "runs/run", "logger=wandb")
    assert str(caught.value) == (
        "logger=wandb: needs no_such_tracker, which is not installed: "
        "pip install -e '.[wandb]'"
    )
    assert not [*tmp_path.glob("runs/run/*")]
    require_package(partial(Kept))  # one of the user's needs none


def test_what_is_remembered_of_a_tracker(tmp_path):
    from research.loggers.memory import Memory

    memory = Memory(tmp_path, "x")
    assert memory.run is None
    name = memory.name()
    memory.note(5, {"a": 1.0})
    again = Memory(tmp_path, "x")
    assert again.name() == name
    assert again.choose_new(5, {"a": 1.0, "b": 2.0}) == {"b": 2.0}
    assert again.choose_new(6, {"a": 1.0}) == {"a": 1.0}
    for broken in ({"run": 3, "steps": {}}, {"run": "r", "steps": {"a": "b"}}):
        (tmp_path / "x.json").write_text(json.dumps(broken))
        with pytest.raises(UserError, match=r"x\.json.*remove it"):
            Memory(tmp_path, "x")
