"""One device or eight, the state whole or split: the same numbers, the same files."""

import os
import subprocess
import sys
from pathlib import Path

import eight_devices
import jax
import numpy as np
import pytest
from flax import nnx
from jax.sharding import Mesh

from research.distributed import devices
from research.errors import UserError
from research.training.checkpoint import Checkpoints

HERE = Path(__file__).parents[1]
pytestmark = pytest.mark.slow  # a process of eight devices


@pytest.fixture(scope="module")
def eight(tmp_path_factory):
    folder = tmp_path_factory.mktemp("eight")
    cache = os.environ["JAX_COMPILATION_CACHE_DIR"]
    line = [sys.executable, "-W", "error", HERE / "eight_devices.py", folder, cache]
    environment = os.environ | {"PYTHONPATH": str(HERE.parent), "XLA_FLAGS": ""}
    subprocess.run(line, env=environment, check=True, timeout=300)
    return folder


def some(count):
    return Mesh(np.array(jax.devices()[:count]), ("data",))


def parameters(network):
    return [np.asarray(x) for x in jax.tree.leaves(nnx.state(network, nnx.Param))]


def test_every_device_holds_a_share_of_the_state(eight):
    facts = np.load(eight / "facts.npz")
    assert facts["devices"] == 8
    assert facts["smaller"] == 6  # takes the devices that divide the batch
    assert facts["share"] < 0.2  # small arrays stay whole


def test_the_convolution_stays_on_the_devices_of_a_smaller_mesh(eight):
    assert np.load(eight / "facts.npz")["gathers"] == 0


def test_a_batch_that_processes_cannot_share_is_refused(monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    with pytest.raises(UserError, match="accumulate = 15 for 2 processes"):
        devices.world(15)


@pytest.mark.parametrize("count, sharded", [(1, False), (2, True)])
def test_training_is_that_of_any_number_of_devices(eight, count, sharded):
    trainer = eight_devices.trainer(some(count), shard_state=sharded)
    network = trainer.network(eight_devices.trained(trainer))
    for ours, theirs in zip(
        parameters(network), np.load(eight / "parameters.npz").values(), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=2e-5)


@pytest.mark.parametrize("count, sharded", [(1, False), (2, False), (2, True)])
def test_a_checkpoint_of_eight_devices_is_restored_on_others(eight, count, sharded):
    trainer = eight_devices.trainer(some(count), shard_state=sharded)
    checkpoints = Checkpoints(eight / "checkpoints")
    step, state, notes = checkpoints.restore(trainer.initial)
    assert (step, notes) == (eight_devices.STEPS, [])
    placed = devices.layout(state, trainer.mesh, sharded=sharded)
    for leaf, wanted in zip(*map(jax.tree.leaves, (state, placed)), strict=True):
        assert leaf.sharding.is_equivalent_to(wanted, leaf.ndim)
    for ours, theirs in zip(
        parameters(trainer.network(state)),
        np.load(eight / "parameters.npz").values(),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_evaluators_say_the_same_over_eight_devices(eight):
    trainer = eight_devices.trainer(some(1))
    _, state, _ = Checkpoints(eight / "checkpoints").restore(trainer.initial)
    ours = eight_devices.evaluated(trainer.network(state))
    theirs = np.load(eight / "evaluated.npz")
    assert set(ours) == set(theirs) and len(ours) > 8
    for name, values in ours.items():
        np.testing.assert_allclose(values, theirs[name], atol=1e-4, err_msg=name)
