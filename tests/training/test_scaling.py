"""Float16: small gradients survive, large ones cost a step and nothing else."""

import os
import signal

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from small import identical, leave, leaves, make_network, make_split, train

from research import config
from research.distributed import devices
from research.errors import Interrupted, UserError
from research.files.lines import read_lines
from research.tasks.classification import CLASSIFICATION, Classification
from research.tasks.losses import cross_entropy
from research.training.batches import Resident
from research.training.checkpoint import Checkpoints
from research.training.loop import resume
from research.training.scaling import differentiate, initialize_scale
from research.training.state import NEVER, State
from research.training.step import Trainer

HALF = jnp.dtype("float16")


@pytest.fixture(scope="module")
def split():
    return make_split()


def make_trainer(**settings):
    defaults = {"task": CLASSIFICATION, "optimizer": optax.adam(0.01), "augment": leave}
    defaults |= {"dtype": "float16", "seed": 0, "mesh": devices.mesh(16)}
    return Trainer(make_network(), **defaults | settings)


def step(trainer, state, split):
    batch = Resident(split, trainer.mesh).batch(np.arange(16))
    return trainer.step(state, batch)[0]


def times(factor):
    """A loss whose gradients, but not whose value, overflow in float16."""

    def loss(network, batch):
        value, logits = cross_entropy(network, batch)
        return value * factor, logits

    return Classification(loss)


def test_small_gradients_underflow_without_a_scale():
    """d/dw of 10⁻⁴·10⁻⁴·w: 10⁻⁸ lies below the smallest number of float16, 6·10⁻⁸."""

    def objective(w):
        y = w.astype(jnp.float16) * jnp.float16(1e-4)
        return y.astype(jnp.float32) * 1e-4, None

    w = jnp.float32(1)
    assert differentiate(objective, w, None).grads == 0
    found = differentiate(objective, w, initialize_scale(HALF))
    np.testing.assert_allclose(found.grads, 1e-8, rtol=1e-2)
    np.testing.assert_allclose(found.value, 1e-8, rtol=1e-2)
    assert found.usable and not found.failed


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_other_dtypes_have_no_scale_and_their_checkpoints_no_place_for_it(dtype):
    assert initialize_scale(jnp.dtype(dtype)) is None
    state = make_trainer(dtype=dtype).initial
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree.leaves_with_path(state)]
    assert not any("scale" in path.split("[")[0] for path in paths)


def test_an_overflow_costs_a_step_and_nothing_else(split):
    trainer = make_trainer(task=times(1e4))
    before = jax.device_get((trainer.initial.params, trainer.initial.opt))
    rest = jax.tree.leaves(jax.device_get(nnx.state(make_network(), nnx.BatchStat)))
    state = step(trainer, trainer.initial, split)
    after = jax.device_get((state.params, state.opt))
    assert all(map(np.array_equal, *map(jax.tree.leaves, (before, after))))
    statistics = nnx.state(trainer.network(state), nnx.BatchStat)
    assert all(map(np.array_equal, rest, jax.tree.leaves(jax.device_get(statistics))))
    assert state.step == 1 and state.sums["bad_step"] == NEVER
    assert state.scale.scale == 2**15
    losses = []
    for _ in range(30):
        losses.append(float(state.sums["loss"]))
        state = step(trainer, state, split)
    assert 1 < state.scale.scale < 2**12
    assert state.sums["bad_step"] == NEVER
    assert losses[-1] - losses[-2] < losses[0], "it learns at the scale that it found"


def test_a_scale_that_held_long_is_doubled():
    scale = initialize_scale(HALF).replace(growth_interval=3)
    for _ in range(4):
        scale = differentiate(lambda w: (w * w, None), jnp.float32(1), scale).scale
    assert scale.scale == 2**17


def test_gradients_that_are_not_finite_at_the_least_scale_stop_the_run(tmp_path, split):
    def steep(network, batch):
        value, logits = cross_entropy(network, batch)
        return value + jnp.sqrt(0 * jnp.abs(logits).sum()), logits  # d√0 = ∞

    with pytest.raises(UserError, match="not finite at step 17 "):
        train(tmp_path, split, task=Classification(steep), epochs=5, dtype="float16")


def test_a_loss_that_is_not_finite_stops_the_run_at_any_scale(tmp_path, split):
    with pytest.raises(UserError, match="not finite at step 1 "):
        train(tmp_path, split, task=times(jnp.nan), dtype="float16")


def test_it_goes_on_bit_by_bit(tmp_path, split):
    def strike(step):
        if step == 5:
            os.kill(os.getpid(), signal.SIGTERM)

    settings = {"dtype": "float16", "task": times(200.0)}  # overflows at first
    whole = train(tmp_path / "a", split, **settings)
    with pytest.raises(Interrupted):
        train(tmp_path / "b", split, strike=strike, **settings)
    assert identical(whole, train(tmp_path / "b", split, **settings))
    rows = [read_lines(tmp_path / name / "metrics.jsonl") for name in "ab"]
    assert rows[0][-1]["loss"] == rows[1][-1]["loss"]


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_checkpoint_without_a_scale_goes_on(tmp_path, split, dtype):
    """Of the code before there was one."""
    trainer = make_trainer(dtype=dtype)
    state = vars(step(trainer, trainer.initial, split))
    del state["scale"]
    with Checkpoints(tmp_path / "checkpoints") as older:
        older.save(1, state)
    again = make_trainer(dtype=dtype)
    done, found, _ = resume(again, Checkpoints(tmp_path / "checkpoints"))
    assert done == 1 and identical(
        again.network(found), trainer.network(State(**state))
    )
    assert step(again, found, split).step == 2


@pytest.mark.slow  # trains until it has learnt
@pytest.mark.parametrize(
    "model, rate, accuracy", [("tiny", 0.01, 0.5), ("chollet", 0.003, 0.95)]
)
def test_float16_learns_digits(tmp_path, model, rate, accuracy):
    cfg = config.compose(f"model={model}", "data=digits", f"data.dir={tmp_path}")
    trained = train(
        tmp_path,
        config.data(cfg).split("train").first(640),
        network=config.network(cfg, rngs=nnx.Rngs(0)),
        optimizer=optax.adam(rate),
        augment=leave,
        epochs=6,
        batch_size=32,
        dtype="float16",
    )
    rows = read_lines(tmp_path / "metrics.jsonl")
    assert rows[-1]["accuracy"] > accuracy
    assert rows[-1]["loss"] < 0.6 * rows[0]["loss"]
    assert all(leaf.dtype == np.float32 for leaf in leaves(trained))
