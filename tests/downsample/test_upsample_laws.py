"""Down and up again: what commutes with shifts, and what comes back."""

from functools import partial

import jax
import numpy as np
import pytest
from flax import nnx
from going_up import BLUR, CIRCULAR, FILTERED, MEMBERS, levels, spread, there_and_back

from research.downsample import Downsample, keep
from research.downsample.learned import Learned
from research.downsample.lowpass import Ideal as IdealLowpass
from research.downsample.lowpass import Identity
from research.downsample.sample import Energy, First
from research.downsample.upsample.ideal import Ideal
from research.downsample.upsample.polyphase import Polyphase
from research.nn.signal import polyphase, shift


@pytest.fixture(autouse=True)
def full_precision():
    with jax.default_matmul_precision("highest"):
        yield


def test_ideal_down_and_up_is_a_projection(maps):
    down, up = levels(Ideal, Downsample, Identity, IdealLowpass)
    x = maps(2, 12, 16, 3)
    once = there_and_back(down, up, x)
    assert spread(once, there_and_back(down, up, once)) < 1e-5
    assert spread(once, down.lowpass(x)) < 1e-5
    assert spread(x, once) > 0.5


@pytest.mark.parametrize("member", ["polyphase", "filtered", "unpool"])
@pytest.mark.parametrize("sample", [Energy, Learned])
@pytest.mark.parametrize("stride", [2, (2, 3)])
def test_down_and_up_commute_with_every_circular_shift(member, sample, stride, maps):
    reduce = partial(CIRCULAR, window=stride)
    down, up = levels(MEMBERS[member], Downsample, reduce, BLUR, sample, stride=stride)
    assert worst_shift(down, up, maps(2, 6, 12, 3)) < 1e-4


@pytest.mark.parametrize("member", MEMBERS)
def test_without_a_phase_that_follows_shifts_they_do_not(member, maps):
    parts = CIRCULAR, Identity, First
    down, up = levels(MEMBERS[member], Downsample, *parts)
    assert worst_shift(down, up, maps(2, 6, 12, 3)) > 0.1
    down, up = levels(MEMBERS[member], Downsample, CIRCULAR, Identity, Energy)
    follows = member in ("polyphase", "filtered", "unpool")
    assert (worst_shift(down, up, maps(2, 6, 12, 3)) > 0.1) != follows


def worst_shift(down, up, x):
    """How far down and up are from commuting with a shift, over all of them."""
    graph, state = nnx.split((down, up))
    f = jax.jit(lambda x: there_and_back(*nnx.merge(graph, state), x))
    y = f(x)
    offsets = np.ndindex(x.shape[1], x.shape[2])
    return max(spread(shift(y, d), f(shift(x, d))) for d in offsets)


@pytest.mark.parametrize("member", MEMBERS)
def test_a_shift_by_one_above_is_one_by_the_stride_below(member, maps):
    down, up = levels(MEMBERS[member], Downsample, CIRCULAR, features=3)
    x = maps(2, 6, 8, 3)
    assert (
        spread(
            shift(there_and_back(down, up, x), (2, 4)),
            there_and_back(down, up, shift(x, (2, 4))),
        )
        < 1e-4
    )


AGAIN = pytest.mark.slow  # compiles every member for each size
OTHER_SIZES = [pytest.param(size, marks=AGAIN) for size in ((5, 12), (13, 4))]


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("size", [(7, 9), *OTHER_SIZES])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_any_size_comes_back(member, size, stride, maps):
    reduce = partial(CIRCULAR, window=stride)
    parts = (reduce, Identity, Energy)
    down, up = levels(MEMBERS[member], Downsample, *parts, stride=stride)
    assert there_and_back(down, up, maps(2, *size, 3)).shape == (2, *size, 3)


@pytest.mark.parametrize("member", MEMBERS)
def test_what_is_not_downsampled_goes_through(member, maps):
    """Stride 1, as of `downsample=none`: all but the learned ones change nothing."""
    down, up = levels(MEMBERS[member], keep)
    x = maps(2, 5, 6, 3)
    found = there_and_back(down, up, x)
    if member in ("transposed", "sub_pixel", "filtered"):
        assert found.shape == x.shape
    else:
        np.testing.assert_allclose(found, x, atol=1e-6)


def test_the_gain_keeps_the_mean(maps):
    down, up = levels(FILTERED, Downsample, Identity, Identity, Energy)
    x = maps(2, 6, 8, 3)
    y, trace = down.trace(x)
    np.testing.assert_allclose(up(y, trace).mean((1, 2)), y.mean((1, 2)), atol=1e-6)


def test_learned_phases_mix_by_the_weights_of_the_same_draw(maps):
    down, up = levels(Polyphase, Downsample, Identity, Identity, Learned)
    down.train()
    x = maps(3, 6, 8, 3)
    y, trace = down.trace(x)
    p = np.asarray(trace.phase)
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-6)
    assert p.max() < 1
    mixed = np.einsum("bp,bphwc->bhwc", p, polyphase(x, (2, 2)))
    np.testing.assert_allclose(y, mixed, rtol=1e-5, atol=1e-6)
    found = up(y, trace)
    for k, (row, column) in enumerate(np.ndindex(2, 2)):
        part = p[:, k, None, None, None] * y
        np.testing.assert_allclose(found[:, row::2, column::2], part, rtol=1e-5)
