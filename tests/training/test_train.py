"""Training: independent of devices, resumable bit by bit, honest about divergence."""

import os
import signal
import threading
from dataclasses import replace
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from small import (
    EXAMPLES,
    TIMES,
    identical,
    leave,
    leaves,
    make_adam,
    make_network,
    make_split,
    train,
)

from research import config
from research.distributed import devices
from research.errors import Interrupted, UserError
from research.files.lines import read_lines
from research.jobs.signals import STOP
from research.tasks.classification import CLASSIFICATION, Classification
from research.tasks.losses import cross_entropy
from research.training import loop
from research.training.batches import Resident
from research.training.checkpoint import Checkpoints
from research.training.loop import restore_network
from research.training.queue import Queue
from research.training.step import Trainer, are_finite, compile_step


@pytest.fixture(scope="module")
def split():
    return make_split()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, split):
    folder = tmp_path_factory.mktemp("uninterrupted")
    return folder, train(folder, split)


def timeless(folder):
    """The rows of a run, without what differs from one run to the next."""
    rows = read_lines(folder / "metrics.jsonl")
    return [{k: v for k, v in row.items() if k not in TIMES} for row in rows]


def test_it_learns_and_says_so(uninterrupted, split):
    rows = read_lines(uninterrupted[0] / "metrics.jsonl")
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert rows[-1]["loss"] < 0.8 * rows[0]["loss"]
    assert rows[-1]["accuracy"] > rows[0]["accuracy"]
    assert rows[-1]["step"] == 3 * (EXAMPLES // 16)


def test_a_second_run_is_the_same(uninterrupted, tmp_path, split):
    assert identical(uninterrupted[1], train(tmp_path, split))
    assert not identical(uninterrupted[1], train(tmp_path / "b", split, seed=2))


@pytest.mark.slow  # trains three times
@pytest.mark.parametrize(
    "number, stop", [*((number, 4) for number in STOP), (STOP[0], 1), (STOP[0], 11)]
)
def test_a_signal_saves_and_the_run_goes_on_bit_by_bit(
    uninterrupted, tmp_path, split, number, stop
):
    def strike(step):
        if step == stop:
            os.kill(os.getpid(), number)

    with pytest.raises(Interrupted) as stopped:
        train(tmp_path, split, strike=strike)
    assert stopped.value.code == 128 + number
    assert Checkpoints(tmp_path / "checkpoints").steps()[-1] in (stop, stop + 1)
    assert identical(uninterrupted[1], train(tmp_path, split))
    assert timeless(uninterrupted[0]) == timeless(tmp_path)


def test_training_goes_on_while_a_checkpoint_is_written(
    uninterrupted, tmp_path, split, monkeypatch
):
    """A save of step 4 that ends only when step 9 is done."""
    reached, finish = threading.Event(), Checkpoints._finish
    checkpoints = Checkpoints(tmp_path / "checkpoints")

    def finish_late(self, step):
        assert step != 4 or reached.wait(60), "the training waits for its checkpoint"
        finish(self, step)

    def strike(step):
        now[0] = 1e6 * (step >= 3)  # seconds: once, a checkpoint is due
        if step == 9:
            assert checkpoints.steps() == []
            reached.set()

    now = [0.0]
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(Checkpoints, "_finish", finish_late)
    trained = train(tmp_path, split, strike=strike, checkpoints=checkpoints)
    assert identical(uninterrupted[1], trained)
    assert checkpoints.steps() == [4, 12]


def test_a_damaged_checkpoint_is_set_aside_and_the_run_is_the_same(
    uninterrupted, tmp_path, split
):
    train(tmp_path, split, checkpoint_seconds=0.0)
    (newest, damaged) = tmp_path / "checkpoints/12", tmp_path / "checkpoints/12.bad"
    file = max(newest.rglob("*"), key=lambda path: path.stat().st_size)
    file.write_bytes(file.read_bytes()[:-1])
    assert identical(uninterrupted[1], train(tmp_path, split))
    assert damaged.is_dir() and newest.is_dir()
    assert timeless(uninterrupted[0]) == timeless(tmp_path)


def test_a_checkpoint_of_the_first_edition_goes_on(uninterrupted, tmp_path, split):
    """Its sums had no scores: the epoch that it broke off is counted from there."""
    mesh = devices.world(16)
    checkpoints = Checkpoints(uninterrupted[0] / "checkpoints")
    trainer = make_trainer(make_network(), optimizer=make_adam(3), mesh=mesh)
    _, state, _ = checkpoints.resume(trainer.initial)
    sums = {"correct": jnp.int32(3), **state.sums}
    del sums["scores"]
    with Checkpoints(tmp_path / "checkpoints") as older:
        older.save(10, replace(state, sums=devices.replicate(sums, mesh)))
    train(tmp_path, split)
    (row,) = read_lines(tmp_path / "metrics.jsonl")
    assert (row["step"], row["examples"]) == (12, 32)
    assert 0 <= row["accuracy"] <= 1


def test_a_saved_run_comes_back(uninterrupted, split):
    folder, trained = uninterrupted
    again, notes = restore_network(
        make_network(seed=5), Checkpoints(folder / "checkpoints")
    )
    images = jnp.asarray(split.images / np.float32(255))
    np.testing.assert_array_equal(again(images), trained(images))
    assert notes == []


def make_trainer(network, **settings):
    defaults = {"task": CLASSIFICATION, "optimizer": optax.sgd(0.1), "augment": leave}
    return Trainer(network, **defaults | {"dtype": "float32", "seed": 0} | settings)


def test_one_device_and_two_agree(split):
    def step(count):
        mesh = jax.sharding.Mesh(np.array(jax.devices()[:count]), ("data",))
        trainer = make_trainer(make_network(), mesh=mesh)
        batch = Resident(split, mesh).batch(np.arange(16))
        state, _ = trainer.step(trainer.initial, batch)
        return leaves(trainer.network(state)), jax.device_get(state.sums)

    assert len(jax.devices()) == 2
    one, two = step(1), step(2)
    assert one[1]["loss"] == pytest.approx(two[1]["loss"], rel=1e-5)
    assert one[1]["scores"] == two[1]["scores"] and one[1]["examples"] == 16
    for a, b in zip(one[0], two[0], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("most", [3, 100])
def test_steps_dispatched_at_once_are_the_same_bit_by_bit(
    uninterrupted, tmp_path, split, most
):
    """Three do not divide an epoch's four, a hundred are all of it."""
    trained = train(tmp_path, split, steps_per_dispatch=most)
    assert identical(uninterrupted[1], trained)
    assert timeless(uninterrupted[0]) == timeless(tmp_path)


def test_a_run_goes_on_with_other_dispatches(uninterrupted, tmp_path, split):
    def strike(step):
        if step == 6:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted):
        train(tmp_path, split, strike=strike, steps_per_dispatch=2)
    trained = train(tmp_path, split, steps_per_dispatch=3)
    assert identical(uninterrupted[1], trained)
    assert timeless(uninterrupted[0]) == timeless(tmp_path)


def test_no_more_dispatches_are_under_way_than_a_cpu_admits():
    queue = Queue()
    assert 2 * (queue.ahead + 1) < 32  # a step and its batch are two programs
    known = [queue.push(jnp.int32(number)) for number in range(30)]
    assert known == [None] * queue.ahead + list(range(30 - queue.ahead))
    assert queue.drain() == 29


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e20])
def test_parameters_without_a_norm_are_not_finite(value):
    """Products of numbers beyond overflow, and the ReLU of what comes of it is 0."""
    assert are_finite({"a": jnp.float32(1e10), "b": jnp.ones(3), "count": jnp.int32(7)})
    assert not are_finite({"a": jnp.float32(1), "b": jnp.array([1, value, 0.0])})


def test_parameters_that_are_not_finite_are_never_saved(tmp_path, split):
    """Of a loss that does not show it, as where a ReLU makes 0 of NaN."""

    def spoil(network, batch):
        _, logits = cross_entropy(network, batch)
        one = jax.tree.leaves(nnx.state(network, nnx.Param))[0]
        return jnp.float32(1) + unbounded(one.sum()), logits

    with pytest.raises(UserError, match="parameters is not finite by step 4 "):
        train(tmp_path, split, task=Classification(spoil))
    assert Checkpoints(tmp_path / "checkpoints").steps() == []


@jax.custom_vjp
def unbounded(x):
    """0, with a gradient that is not a number."""
    return jnp.zeros_like(x)


unbounded.defvjp(lambda x: (jnp.zeros_like(x), None), lambda _, g: (g * jnp.nan,))


@pytest.mark.slow  # trains several times
@pytest.mark.parametrize("head", ["flatten", "gap", "grid"])
def test_seeds_of_one_sweep_share_a_compiled_step(split, head):
    """And do not share what follows from the seed."""
    words = ["model=tiny", "optim=sgd", "augment=circular", "data.shape=[8,8,1]"]
    words.append(f"model/head={head}")
    compile_step.cache_clear()
    found = []
    for seed in (0, 1, 0):
        cfg = config.compose(*words, f"seed={seed}")
        trainer = make_trainer(
            config.network(cfg, rngs=nnx.Rngs(0)),
            task=config.task(cfg),
            optimizer=config.optimizer(cfg)(steps_per_epoch=4, epochs=2),
            augment=config.build_shared(cfg.augment),
            seed=seed,
            mesh=devices.mesh(16),
        )
        batch = Resident(split, trainer.mesh).batch(np.arange(16))
        state, _ = trainer.step(trainer.initial, batch)
        found.append(leaves(trainer.network(state)))
    assert compile_step.cache_info()[:2] == (2, 1)
    assert trainer._step._cache_size() == 1
    same = [all(map(np.array_equal, found[0], other)) for other in found[1:]]
    assert same == [False, True]


def test_bfloat16_computes_in_it_and_keeps_float32(tmp_path, split):
    kinds = set()

    def spy(network, batch):
        kinds.add(batch["image"].dtype.name)
        kinds.add(network.stages[0].conv.conv.kernel[...].dtype.name)
        return cross_entropy(network, batch)

    task = Classification(spy)
    trained = train(tmp_path, split, task=task, epochs=1, dtype="bfloat16")
    assert kinds == {"bfloat16"}
    assert all(leaf.dtype == np.float32 for leaf in leaves(trained))
    assert trained.stages[0].conv.norm.mean[...].dtype == jnp.float32


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path, split):
    def poisoned(network, batch):
        loss, logits = cross_entropy(network, batch)
        return loss / (batch["label"].sum() * 0), logits

    with pytest.raises(UserError) as stopped:
        train(tmp_path, split, task=Classification(poisoned))
    assert "step 1 " in str(stopped.value) and "optim.learning_rate" in str(
        stopped.value
    )
    assert Checkpoints(tmp_path / "checkpoints").steps() == []
