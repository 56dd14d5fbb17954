"""The closed form against a loop over all shifts that is written another way."""

from functools import partial

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from orbits import (
    FLAT,
    GAP,
    ROUND,
    assert_same,
    blur_round,
    looped,
    max_round,
    network,
    smooth,
    strided,
)

from research.downsample import Downsample, keep
from research.downsample.learned import Learned
from research.downsample.lowpass import Binomial
from research.downsample.reduce import Max
from research.downsample.sample import Energy
from research.evals.engine.closed_form import ClosedForm
from research.evals.engine.orbits import brute_force
from research.evals.engine.predictor import Predictor
from research.evals.orbit import orbit_logits
from research.models.network import Network
from research.nn.layers import BatchNorm, ConvNormAct

CASES = {
    # name: (shape, downsample, head, padding, period, whether anything is shared)
    "strided": ((8, 8), strided, GAP, "circular", (4, 4), True),
    "decimate": ((8, 8), Downsample, GAP, "circular", (4, 4), True),
    "none": ((8, 8), keep, GAP, "circular", (1, 1), True),
    "max, flat": ((8, 12), max_round, FLAT, "circular", (8, 12), True),
    "stride 2×1": (
        (8, 12),
        partial(blur_round, stride=(2, 1)),
        GAP,
        "circular",
        (4, 1),
        True,
    ),
    "6 = 2·3, then 3 is odd": ((6, 8), max_round, GAP, "circular", (6, 4), True),
    "valid max of two commutes": (
        (8, 12),
        partial(Downsample, reduce=Max),
        GAP,
        "circular",
        (4, 4),
        True,
    ),
    "reflecting blur does not": (
        (8, 8),
        partial(Downsample, lowpass=Binomial),
        GAP,
        "circular",
        (8, 8),
        True,
    ),
    "valid": ((10, 12), partial(Downsample, reduce=Max), GAP, "valid", (10, 12), False),
    "zero, flat": ((8, 8), max_round, FLAT, "zero", (8, 8), False),
    "energy": (
        (8, 12),
        partial(Downsample, sample=Energy),
        GAP,
        "circular",
        (4, 4),
        True,
    ),
    "learned": (
        (8, 8),
        partial(Downsample, sample=Learned),
        GAP,
        "circular",
        (4, 4),
        True,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_equals_the_loop_over_all_shifts(name):
    shape, downsample, head, padding, period, shared = CASES[name]
    net = network(shape, downsample, head, padding)
    images = smooth(3, shape)  # one device gets a filled row
    orbit = ClosedForm(net, images)
    logits = orbit.logits(images)
    assert orbit.period == period
    assert orbit.shared == shared
    assert logits.shape == (3, *period, 4)
    assert_same(logits, looped(net, images))


def test_batch_norm_uses_its_running_statistics():
    rngs = nnx.Rngs(0)
    stage = ConvNormAct(1, 3, norm=BatchNorm, rngs=rngs, **ROUND)
    stage.norm.mean[...] = jnp.array([0.3, -0.2, 0.1])
    stage.norm.var[...] = jnp.array([0.1, 0.5, 0.2])
    head = partial(GAP, classes=4)
    net = Network((8, 8, 1), [stage, max_round(3, rngs=rngs)], head, rngs=rngs)
    images = smooth(2, (8, 8))
    assert_same(orbit_logits(net, images), looped(net, images))
    assert not stage.norm.use_running_average


@pytest.mark.parametrize("name", ["max, flat", "6 = 2·3, then 3 is odd"])
def test_small_memory_changes_nothing(name):
    shape, downsample, head, padding, _, _ = CASES[name]
    net = network(shape, downsample, head, padding)
    images = smooth(2, shape)
    orbit = ClosedForm(net, images)
    want = orbit.logits(images)
    rolls = [orbit.room(index, 2) for index in range(len(orbit.steps))]
    assert min(rolls) > 100
    orbit.memory = 0
    assert orbit.room(0, 2) == 1
    np.testing.assert_allclose(orbit.logits(images), want, atol=1e-6)


def test_chunks_keep_to_the_memory():
    net = network((8, 12), max_round, FLAT)
    orbit = ClosedForm(net, smooth(2, (8, 12)), memory=1)
    maps = 10_000
    # Before the first pooling: rolls of (8, 12, 3), then (4, 6, 3) and (4, 6, 4) maps.
    values = 8 * 12 * 3 + 4 * 6 * 3
    assert orbit.room(1, maps) == max(1, 2**20 * 2 // (4 * values * maps))
    assert orbit.room(1, 100) == 2**20 * 2 // (4 * values * 100)


def test_brute_force_is_the_loop():
    net = network((5, 6), partial(keep), padding="zero")
    images = smooth(3, (5, 6))
    got = brute_force(Predictor(net, batch=8), images)
    np.testing.assert_allclose(got, looped(net, images), atol=1e-5)
