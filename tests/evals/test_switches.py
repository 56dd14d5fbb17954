"""Unpooling against loops in NumPy."""

from functools import partial

import jax.numpy as jnp
import networks
import numpy as np
import pytest
from flax import nnx
from known import measure, split

from research.downsample import Downsample
from research.downsample.reduce import Average, Max
from research.evals.switches import Switches, moments, unpool

MAP = np.random.default_rng(0).random((2, 6, 8, 3), np.float32) - 0.3


def loops(x, window, stride, pads):
    """The same for one map and channel, window by window."""
    kept, sums, times = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
    for top in range(-pads, x.shape[0] - window + pads + 1, stride):
        for left in range(-pads, x.shape[1] - window + pads + 1, stride):
            places = [
                (y, z)
                for y in range(top, top + window)
                for z in range(left, left + window)
                if 0 <= y < x.shape[0] and 0 <= z < x.shape[1]
            ]
            best = max(places, key=lambda place: x[place])
            kept[best] = x[best]
            for place in places:
                sums[place] += x[best]
                times[place] += 1
    return kept, sums / np.maximum(times, 1)


@pytest.mark.parametrize(
    "window, padding, pads", [(2, "valid", 0), (3, "valid", 0), (3, "zero", 1)]
)
def test_unpooling(window, padding, pads):
    reduce = partial(Max, window=window, padding=padding)
    stage = Downsample(3, 2, reduce, rngs=nnx.Rngs(0))
    chosen, spread = unpool(stage.reduce, stage.stride, jnp.asarray(MAP))
    kept = np.where(chosen, MAP, 0)
    for b, c in np.ndindex(2, 3):
        ours = loops(MAP[b, ..., c], window, 2, pads)
        np.testing.assert_allclose(kept[b, ..., c], ours[0], rtol=1e-6)
        np.testing.assert_allclose(spread[b, ..., c], ours[1], rtol=1e-5)


def test_positions_of_a_maximum_of_zero_are_switches_too():
    """Windows overlap, and what lies around a switch is filled, never the switch."""
    stage = Downsample(1, 2, partial(Max, window=3, padding="valid"), rngs=nnx.Rngs(0))
    x = np.zeros((1, 5, 5, 1), np.float32)
    x[0, 4, 4, 0] = 1.0
    chosen, spread = map(np.asarray, unpool(stage.reduce, stage.stride, jnp.asarray(x)))
    assert chosen[0, 2:, 2:, 0].sum() > 1  # of windows of zeros, whose spread is not 0
    assert (spread[chosen & (x == 0)] > 0).any()
    table = np.asarray(moments(*nnx.split(stage), jnp.asarray(x)))
    around = np.where(chosen, 0, spread)
    assert table[0, -1] == pytest.approx((around**2).sum())


def test_errors():
    network = networks.pooling()
    data = split(examples=9)
    rows = {
        (row.params["switches"], row.params["elsewhere"], row.measure): row
        for row in measure(Switches(batch=4), network, data)
    }
    assert len(rows) == 6
    assert {row.params["index"] for row in rows.values()} == {1}
    x = network.stages[0](jnp.asarray(data.images / np.float32(255)))
    stage = network.stages[1]
    chosen, spread = map(np.asarray, unpool(stage.reduce, stage.stride, x))
    x = np.asarray(x)
    kept, around = np.where(chosen, x, 0), np.where(chosen, 0, spread)

    def best(guess):
        return np.linalg.lstsq(guess.reshape(-1, 1), x.ravel(), rcond=None)[0][0]

    guesses = {
        (False, "spread"): best(spread) * spread,
        (True, "zero"): kept,
        (True, "spread"): kept + best(around) * around,
    }
    for how, guess in guesses.items():
        sizes = [
            np.linalg.norm(v.reshape(9, -1), axis=1) for v in (x, guess, x - guess)
        ]
        found = rows[*how, "error"].arrays["examples"]
        np.testing.assert_allclose(found, sizes[2] / sizes[0], rtol=1e-4)
        cosine = (x * guess).sum((1, 2, 3)) / (sizes[0] * sizes[1])
        found = rows[*how, "cosine"].arrays["examples"]
        np.testing.assert_allclose(found, cosine, rtol=1e-4)
    assert rows[True, "spread", "error"].value < rows[False, "spread", "error"].value


def test_other_poolings_have_no_switches():
    stage = Downsample(1, 2, Average, rngs=nnx.Rngs(0))
    assert not measure(Switches(), networks.of([stage]), split())
