"""Upsampling against references written another way, and published outputs."""

from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from going_up import BLUR, CIRCULAR, levels, there_and_back

from research.downsample import Downsample
from research.downsample.learned import Learned
from research.downsample.lowpass import Identity
from research.downsample.reduce import Average, Max
from research.downsample.sample import All, Energy, First, Random
from research.downsample.tips import Tips
from research.downsample.upsample.bilinear import Bilinear
from research.downsample.upsample.nearest import Nearest
from research.downsample.upsample.polyphase import Polyphase
from research.downsample.upsample.sub_pixel import SubPixel
from research.downsample.upsample.transposed import Transposed
from research.downsample.upsample.unpool import Unpool
from research.errors import UserError
from research.nn.signal import interleave, polyphase

PEERS = np.load(Path(__file__).parents[1] / "golden/upsample.npz")


@pytest.fixture(autouse=True)
def full_precision():
    with jax.default_matmul_precision("highest"):
        yield


def test_interleaving_is_the_inverse_of_polyphase(maps):
    x = maps(2, 6, 8, 3)
    assert (interleave(polyphase(x, (3, 2)), (3, 2)) == x).all()


@pytest.mark.parametrize("name", ["first", "blur", "aps", "lps", "random", "all"])
def test_a_traced_map_is_the_map(name, maps):
    """Tracing changes nothing of what a downsampler computes."""
    parts = {
        "first": (CIRCULAR, Identity, First),
        "blur": (CIRCULAR, BLUR, First),
        "aps": (CIRCULAR, BLUR, Energy),
        "lps": (CIRCULAR, BLUR, Learned),
        "random": (CIRCULAR, BLUR, Random),
        "all": (CIRCULAR, BLUR, All),
    }[name]
    down, _ = levels(Nearest, Downsample, *parts)
    x = maps(3, 7, 8, 3)
    y, trace = down.trace(x)
    np.testing.assert_allclose(y, down(x), rtol=1e-6)
    assert trace.size == (7, 8)
    assert (trace.phase is None) == (name == "all")


def test_the_phase_of_a_trace_is_the_one_that_was_kept(maps):
    down, _ = levels(Nearest, Downsample, Identity, Identity, Energy, stride=(2, 3))
    x = maps(5, 6, 9, 3)
    y, trace = down.trace(x)
    kept = polyphase(x, (2, 3))[np.arange(5), trace.phase.argmax(1)]
    assert (y == kept).all() and (trace.phase.sum(1) == 1).all()
    assert len(set(trace.phase.argmax(1).tolist())) > 1


def test_nearest_repeats_values(maps):
    down, up = levels(Nearest, stride=(2, 3))
    y, trace = down.trace(maps(2, 4, 6, 3))
    expected = np.kron(np.asarray(y), np.ones((1, 2, 3, 1)))
    assert (np.asarray(up(y, trace)) == expected).all()


@pytest.mark.parametrize("stride", [(2, 2), (3, 2), (4, 1)])
def test_bilinear_is_that_of_every_library(stride, maps):
    down, up = levels(partial(Bilinear, padding="zero"), stride=stride)
    y, trace = down.trace(maps(2, 12, 8, 3))
    expected = jax.image.resize(y, (2, 12, 8, 3), "bilinear")
    np.testing.assert_allclose(up(y, trace), expected, atol=1e-6)


def test_bilinear_has_the_published_taps_and_wraps(maps):
    """Zero insertion, then (1, 3, 3, 1)/4 from −1 to 2 along each axis."""
    down, up = levels(Bilinear)
    y, trace = down.trace(maps(2, 8, 10, 3))
    expected = np.zeros((2, 8, 10, 3))
    expected[:, ::2, ::2] = y
    for axis in (1, 2):
        taps = zip((-1, 0, 1, 2), (1, 3, 3, 1), strict=True)
        expected = sum(tap / 4 * np.roll(expected, at, axis) for at, tap in taps)
    np.testing.assert_allclose(up(y, trace), expected, atol=1e-6)


@pytest.mark.parametrize("window", [2, 3, 4])
def test_transposed_convolution_is_that_of_jax(window, maps):
    """Away from the border; JAX's own does not flip its kernel unless it is told."""
    down, up = levels(partial(Transposed, window=window, padding="zero"))
    y, trace = down.trace(maps(2, 12, 12, 3))
    before, after = (window - 1) // 2, window // 2
    expected = jax.lax.conv_transpose(
        y,
        up.kernel[...],
        (2, 2),
        [(window - 1 - before, window - after)] * 2,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        transpose_kernel=True,
    )
    found = up(y, trace)
    assert found.shape == (2, 12, 12, 3)
    np.testing.assert_allclose(
        found[:, 2:-2, 2:-2], expected[:, 2:10, 2:10], rtol=1e-5, atol=1e-5
    )


def test_transposed_convolution_by_its_sum(maps):
    down, up = levels(partial(Transposed, window=3))
    up.bias[...] = jnp.array([1.0, 2.0, 3.0])
    y, trace = down.trace(maps(1, 6, 8, 3))
    expected = np.zeros((6, 8, 3)) + np.array([1.0, 2.0, 3.0])
    for row, column in np.ndindex(3, 4):
        for i, j in np.ndindex(3, 3):
            place = (2 * row + i - 1) % 6, (2 * column + j - 1) % 8
            expected[place] += np.asarray(up.kernel[...])[i, j] @ y[0, row, column]
    np.testing.assert_allclose(up(y, trace)[0], expected, rtol=1e-4, atol=1e-5)


def test_sub_pixel_convolution_puts_groups_of_channels_on_phases(maps):
    down, up = levels(SubPixel, stride=(2, 3))
    y, trace = down.trace(maps(2, 4, 6, 3))
    groups, found = up.conv(y), up(y, trace)
    for row, column in np.ndindex(2, 3):
        first = 3 * (3 * row + column)
        group = groups[..., first : first + 3]
        assert (found[:, row::2, column::3] == group).all()


@pytest.mark.parametrize("padding", ["valid", "zero", "reflect", "circular"])
@pytest.mark.parametrize("sample", [First, Energy])
@pytest.mark.parametrize("size", [(8, 12), (7, 9)])
def test_unpooling_inverts_max_pooling_at_the_maxima(padding, sample, size, maps):
    """Every pooled value is at its place, and there is nothing else.

    A phase of an odd map is continued circularly: what is beyond its end has no place.
    """
    parts = partial(Max, padding=padding), Identity, sample
    down, up = levels(Unpool, Downsample, *parts)
    x = maps(3, *size, 3)
    y, trace = down.trace(x)
    found = up(y, trace)
    filled = found != 0
    assert found.shape == x.shape
    np.testing.assert_allclose(found[filled], x[filled], rtol=1e-6)
    pooled, back = (np.unique(np.asarray(one).round(5)) for one in (y, found[filled]))
    if sample is First or trace.switches.shape[1:3] == (8, 12):
        assert (back == pooled).all()
    else:
        assert np.isin(back, pooled).all() and len(back) > 0.6 * len(pooled)


def test_unpooling_takes_the_first_of_equal_maxima():
    down, up = levels(Unpool, Downsample, CIRCULAR, features=1)
    x = jnp.ones((1, 4, 4, 1))
    expected = np.zeros((4, 4))
    expected[::2, ::2] = 1
    assert (there_and_back(down, up, x)[0, ..., 0] == expected).all()


def test_aps_u_as_published():
    x, index = PEERS["apsu_f1__x"], PEERS["apsu_f1__phase"]
    down, up = levels(Polyphase, Downsample, Identity, Identity, Energy)
    y, trace = down.trace(jnp.asarray(x))
    # there k is (row k%2, column k//2)
    assert (trace.phase.argmax(1) == 2 * (index % 2) + index // 2).all()
    np.testing.assert_allclose(y, PEERS["apsu_f1__down"], atol=1e-6)
    np.testing.assert_allclose(up(y, trace), PEERS["apsu_f1__up"], atol=1e-6)


def test_lpu_as_published():
    x, index = PEERS["lpu_maxnorm__x"], PEERS["lpu_maxnorm__phase"]
    down, up = levels(Polyphase, Downsample, Identity, Identity, Energy)
    y, trace = down.trace(jnp.asarray(x))
    assert (trace.phase.argmax(1) == index).all()
    np.testing.assert_allclose(y, PEERS["lpu_maxnorm__down"], atol=1e-6)
    np.testing.assert_allclose(up(y, trace), PEERS["lpu_maxnorm__up"], atol=1e-6)


def test_lpu_in_evaluation_goes_by_the_logits_of_lpd():
    sample = partial(Learned, hidden=5)
    down, up = levels(Polyphase, Downsample, Identity, Identity, sample)
    down.sample.first.kernel[...] = PEERS["lps_test__w1"]
    down.sample.first.bias[...] = PEERS["lps_test__b1"]
    down.sample.second.kernel = nnx.Param(jnp.asarray(PEERS["lps_test__w2"]))
    y, trace = down.trace(jnp.asarray(PEERS["lps_test__x"]))
    np.testing.assert_allclose(y, PEERS["lps_test__down"], atol=1e-6)
    np.testing.assert_allclose(up(y, trace), PEERS["lps_test__up"], atol=1e-6)


@pytest.mark.parametrize(
    ("member", "parts", "said"),
    [
        (Polyphase, (Identity, Identity, All), "sample=all mixes phases"),
        (Polyphase, (Identity, Identity, Tips), "sample=tips mixes phases"),
        (Unpool, (CIRCULAR, Identity, All), "sample=all mixes phases"),
        (Unpool, (Average, Identity, First), "reduce=average takes none"),
        (Unpool, (partial(Max, window=3), Identity, First), "overlap"),
    ],
)
def test_what_cannot_go_back_is_refused(member, parts, said):
    with pytest.raises(UserError, match=said):
        levels(member, Downsample, *parts)


def test_switches_of_other_channels_are_refused(maps):
    down, up = levels(Unpool, Downsample, CIRCULAR)
    y, trace = down.trace(maps(1, 4, 4, 3))
    with pytest.raises(UserError, match="gets 2 channels and the switches of 3"):
        up(y[..., :2], trace)
