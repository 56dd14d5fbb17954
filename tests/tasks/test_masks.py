"""Nothing in training assumes a label: a dense network learns masks."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from masks import Dense, Masks, make_squares

from research.distributed import devices
from research.tasks.task import Task, check
from research.training.batches import Resident
from research.training.checkpoint import Checkpoints
from research.training.loop import fit
from research.training.observer import Observer
from research.training.settings import Training
from research.training.step import Trainer
from research.training.validation import validate

TASK = Masks()


def leave(batch, key):
    del key
    return batch


class Rows(Observer):
    def __init__(self):
        self.rows = []

    def record(self, row):
        self.rows.append(row)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A trained dense network, and the rows of its training."""
    observer = Rows()
    network = fit(
        Dense(nnx.Rngs(0)),
        make_squares(64),
        task=TASK,
        optimizer=optax.adam(0.02),
        augment=leave,
        training=Training(epochs=8, batch_size=16),
        seed=0,
        checkpoints=Checkpoints(tmp_path_factory.mktemp("masks")),
        validation=make_squares(21),
        observer=observer,
    )
    return network, observer.rows


def test_it_is_a_task_and_the_network_suits_it():
    assert isinstance(TASK, Task)
    check(TASK, Dense(nnx.Rngs(0)), make_squares(5).arrays)


def test_one_step_adds_up_loss_and_scores():
    split, mesh = make_squares(16), devices.mesh(16)
    trainer = Trainer(
        Dense(nnx.Rngs(0)),
        task=TASK,
        optimizer=optax.sgd(0.1),
        augment=leave,
        dtype="float32",
        seed=0,
        mesh=mesh,
    )
    batch = Resident(split, mesh).batch(np.arange(16, dtype=np.int32))
    _, sums = jax.device_get(trainer.step(trainer.initial, batch))
    unit = {**split.arrays, "image": jnp.asarray(split.images / np.float32(255))}
    value, outputs = TASK.loss(Dense(nnx.Rngs(0)), unit)
    assert sums["loss"] == pytest.approx(16 * float(value), rel=1e-5)
    assert sums["examples"] == 16
    for name, each in TASK.score(outputs, unit).items():
        assert sums["scores"][name] == pytest.approx(float(each.sum()), rel=1e-5)


@pytest.mark.slow  # trains until it has learnt
def test_it_learns_and_every_score_has_its_name(fitted):
    _, rows = fitted
    train, validation = rows[::2], rows[1::2]
    assert {row["split"] for row in train} == {"train"}
    assert {row["split"] for row in validation} == {"validation"}
    assert train[-1]["loss"] < 0.5 * train[0]["loss"]
    assert validation[-1]["overlap"] > 0.8
    assert validation[-1]["examples"] == 21
    for row in rows:
        assert {"loss", "pixel_accuracy", "overlap"} < set(row)
        assert "accuracy" not in row


def test_validation_is_of_the_masks(fitted):
    network, rows = fitted
    split = make_squares(21)
    unit = {**split.arrays, "image": jnp.asarray(split.images / np.float32(255))}
    value, outputs = TASK.loss(network, unit)
    found = validate(network, split, task=TASK, batch_size=16)
    assert found["loss"] == pytest.approx(float(value), rel=1e-5)
    for name, each in TASK.score(outputs, unit).items():
        assert found[name] == pytest.approx(float(each.mean()), rel=1e-5)
    assert found == {name: rows[-1][name] for name in found}


def test_a_shift_is_undone_in_the_outputs(fitted):
    """The network is equivariant, so what comes back agrees in every pixel."""
    network, _ = fitted
    images = jnp.asarray(make_squares(6).images / np.float32(255))
    offsets = np.array([[0, 0], [1, 0], [0, 3], [-2, 5], [4, 4], [7, -1]], np.int32)
    moved = jax.vmap(lambda x, by: jnp.roll(x, by, (0, 1)))(images, offsets)
    still, shifted = network(images), network(moved)
    undone = TASK.undo(shifted, offsets)
    np.testing.assert_allclose(undone, still, atol=1e-5)
    np.testing.assert_array_equal(TASK.agreement(undone, still), np.ones(6))
    without = np.asarray(TASK.agreement(shifted, still))
    assert without[0] == 1 and (without[1:] < 1).all()


def test_agreement_is_the_share_of_the_pixels():
    a, b = np.zeros((2, 4, 4, 2)), np.zeros((2, 4, 4, 2))
    b[1, :, 0, 1] = 1  # a quarter of the pixels of the second example
    np.testing.assert_allclose(TASK.agreement(a, b), [1, 0.75])
