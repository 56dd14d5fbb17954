"""A batch in parts is the batch: the law, random streams, float16, the key's errors."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from small import identical, leave, leaves, make_network, make_split, train

from research import config
from research.distributed import devices
from research.downsample import Downsample
from research.errors import UserError
from research.models.network import Network
from research.models.readout import Head, mean
from research.nn.layers import ConvNormAct
from research.runs import identity
from research.tasks.classification import CLASSIFICATION
from research.training.batches import Resident
from research.training.scaling import Differentiated
from research.training.settings import Training
from research.training.step import Trainer


def make_plain(seed=0):
    """A network in which no example sees another, and nothing is drawn."""
    rngs = nnx.Rngs(seed)
    stages = [ConvNormAct(1, 4, norm=None, rngs=rngs), Downsample(4, rngs=rngs)]
    head = partial(Head, classes=3, pool=mean, units=8)
    return Network((8, 8, 1), stages, head, mean=0.3, std=0.2, rngs=rngs)


def run(accumulate, *, steps=3, dtype="float32", several=False, network=make_plain):
    """The state after some steps of SGD with momentum, and the sums of the last."""
    mesh = devices.world(16 // accumulate)
    trainer = Trainer(
        network(),
        task=CLASSIFICATION,
        optimizer=optax.sgd(0.05, momentum=0.9),
        augment=leave,
        dtype=dtype,
        seed=0,
        mesh=mesh,
        accumulate=accumulate,
        gradients=True,
    )
    source, state = Resident(make_split(), mesh), trainer.initial
    rows = np.arange(16 * steps).reshape(steps, 16)
    if several:
        state, sums = trainer.scan(state, source.batch(rows))
    else:
        for each in rows:
            state, sums = trainer.step(state, source.batch(each))
    return trainer.network(state), jax.device_get(sums), jax.device_get(state.scale)


AGAIN = pytest.mark.slow  # compiles the step again, in more parts


@pytest.mark.parametrize("parts", [2, *(pytest.param(n, marks=AGAIN) for n in (8, 16))])
def test_the_parts_of_a_batch_make_its_step(parts):
    whole, sums, _ = run(1)
    found, added, _ = run(parts)
    start = leaves(make_plain())
    for before, a, b in zip(start, leaves(whole), leaves(found), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-6)
        assert np.abs(a - before).max() > 1e-3, "it moved"
    assert added["loss"] == pytest.approx(sums["loss"], rel=1e-5)
    assert added["gradient_norm"] == pytest.approx(sums["gradient_norm"], rel=1e-4)
    assert added["scores"] == sums["scores"] and added["examples"] == 48


def test_several_steps_of_a_dispatch_are_in_parts_too():
    assert identical(run(4)[0], run(4, several=True)[0])


def test_in_half_precision_one_part_that_overflows_spoils_the_step():
    """The first two steps overflow: the scale is halved by step, not by part."""
    _, sums, scale = run(4, dtype="float16")
    assert np.isfinite(sums["loss"])
    assert (scale.scale, scale.fin_steps) == (2**14, 1)


def test_what_parts_come_to():
    from flax.training.dynamic_scale import DynamicScale

    from research.training.accumulation import accumulate

    def gradient(batch, rest):
        bad = batch["bad"].any()
        scale = DynamicScale(
            scale=jnp.where(bad, 4.0, 8.0), fin_steps=jnp.where(bad, 0, 5)
        )
        value = batch["x"].mean()
        return Differentiated(
            value, ({"n": batch["x"].sum()}, rest + 1), value, scale, ~bad, bad
        )

    for bad in ([0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [1, 0, 0, 0]):
        batch = {"x": jnp.arange(4.0), "bad": jnp.array(bad, bool)}
        with jax.set_mesh(devices.mesh(1)):
            found = accumulate(gradient, jnp.int32(0), batch, 4, unroll=True)
        assert (found.value, found.grads, found.aux[1]) == (1.5, 1.5, 4)
        assert found.aux[0] == {"n": 6}
        assert bool(found.usable) is not any(bad) and bool(found.failed) is any(bad)
        assert (found.scale.scale, found.scale.fin_steps) == (
            (4, 0) if any(bad) else (8, 5)
        )


@pytest.mark.slow  # compiles the step in several parts
def test_statistics_and_random_streams_go_through_the_parts(tmp_path):
    """With them it is another training, that goes on and learns."""
    split = make_split()
    whole = train(tmp_path / "whole", split)
    parts = train(tmp_path / "parts", split, accumulate=2)
    assert not identical(whole, parts)
    assert identical(parts, train(tmp_path / "again", split, accumulate=2))
    _, sums, _ = run(4, network=make_network)
    assert np.isfinite(sums["loss"])


def test_parts_that_do_not_divide_the_batch_are_refused():
    training = Training(epochs=1, batch_size=16, accumulate=3)
    with pytest.raises(UserError, match=r"train\.accumulate=3 for train\.batch"):
        training.plan(70, seed=0)


def test_older_runs_had_one_part():
    plain = config.compose()
    older = identity.flatten(plain)
    del older["train.accumulate"]
    digests = {identity.training_digest(one) for one in (plain, older)}
    assert len(digests) == 1
    parts = config.compose("train.accumulate=2")
    assert identity.training_digest(parts) not in digests
    for free in ("train.keep_best=loss", "profile=1:2", "train.compile_only=true"):
        assert identity.training_digest(config.compose(free)) in digests
        assert identity.run_name([free]) == "default"
