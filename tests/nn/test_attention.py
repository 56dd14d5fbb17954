"""Attention: against the peers' own outputs, and which operations it commutes with."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from research.nn.attention import (
    BiasedAttention,
    CircularBias,
    CrossCovariance,
    RelativeBias,
    Unbiased,
)
from research.nn.depthwise import Depthwise, add_slices, convolve
from research.nn.signal import fractional_shift, pad
from research.nn.token_norm import TokenNorm

# Of hmichaeli/alias_free_vit and of willding123's Swin, on fixed random inputs.
PEERS = np.load(Path(__file__).parents[1] / "golden/attention.npz")
WORLD = (4, 6)
RNG = np.random.default_rng(0)


def band_limited(*shape):
    """Random maps without energy in their Nyquist bins."""
    spectrum = np.fft.fft2(RNG.normal(size=shape), axes=(1, 2))
    spectrum[:, shape[1] // 2] = spectrum[:, :, shape[2] // 2] = 0
    return np.fft.ifft2(spectrum, axes=(1, 2)).real.astype(np.float32)


def test_cross_covariance_equals_the_published_code():
    layer = CrossCovariance(8, 2, rngs=nnx.Rngs(0))
    layer.inputs.kernel[...] = jnp.asarray(PEERS["xca/qkv"])
    layer.inputs.bias[...] = jnp.asarray(PEERS["xca/qkv_bias"])
    layer.temperature[...] = jnp.asarray(PEERS["xca/temperature"])
    layer.outputs.kernel[...] = jnp.asarray(PEERS["xca/proj"])
    layer.outputs.bias[...] = jnp.asarray(PEERS["xca/proj_bias"])
    found = layer(jnp.asarray(PEERS["xca/x"]))
    np.testing.assert_allclose(found, PEERS["xca/y"], rtol=1e-5, atol=1e-5)


def test_the_relative_index_is_that_of_the_published_code():
    bias = RelativeBias((4, 4), (8, 8), 2, rngs=nnx.Rngs(0))
    np.testing.assert_array_equal(
        bias.classes, PEERS["poly_swin_block/relative_position_index"]
    )
    assert bias.table.shape == (49, 2)


@pytest.mark.parametrize(
    "make", [lambda: CrossCovariance(8, 2, rngs=nnx.Rngs(1)), lambda: randomized_norm()]
)
def test_sums_over_positions_commute_with_fractional_shifts(make):
    layer, x = make(), jnp.asarray(band_limited(2, 6, 8, 8))
    offset = jnp.array([[0.5, -0.25], [1.3, 0.75]])
    moved, wanted = layer(fractional_shift(x, offset)), layer(x)
    np.testing.assert_allclose(moved, fractional_shift(wanted, offset), atol=1e-5)
    assert np.abs(moved - wanted).max() > 0.1


def randomized_norm():
    norm = TokenNorm(8, rngs=nnx.Rngs(0))
    norm.scale[...] = jnp.asarray(RNG.normal(size=8), jnp.float32)
    norm.bias[...] = jnp.asarray(RNG.normal(size=8), jnp.float32)
    return norm


def test_softmax_over_positions_does_not_commute_with_fractional_shifts():
    bias = Unbiased(WORLD, WORLD, 2, rngs=nnx.Rngs(0))
    layer = BiasedAttention(8, 2, bias, rngs=nnx.Rngs(1))
    x = 3 * jnp.asarray(band_limited(1, *WORLD, 8))
    attend = lambda x: layer(x.reshape(1, -1, 8)).reshape(x.shape)  # noqa: E731
    offset = jnp.array([[0.5, 0.0]])
    gap = attend(fractional_shift(x, offset)) - fractional_shift(attend(x), offset)
    assert np.abs(gap).max() > 1e-3


def test_the_token_norm_is_its_formula():
    x = RNG.normal(2, 3, size=(2, 4, 5, 8))
    norm = randomized_norm()
    means = x.mean((1, 2))
    for one, mean, found in zip(
        x, means, norm(jnp.asarray(x, jnp.float32)), strict=True
    ):
        wanted = (one - mean) / np.sqrt(np.mean((one - mean) ** 2) + 1e-6)
        wanted = wanted * np.asarray(norm.scale[...]) + np.asarray(norm.bias[...])
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_cross_covariance_has_gradients_where_a_channel_is_zero():
    layer = CrossCovariance(8, 2, rngs=nnx.Rngs(1))
    gradient = jax.grad(lambda x: jnp.square(layer(x)).sum())(jnp.zeros((1, 4, 4, 8)))
    assert np.isfinite(gradient).all()


def largest_gap(kind, window, world):
    """Between attention to a rolled map and the rolled attention, with a bias."""
    bias = kind(window, world, 2, rngs=nnx.Rngs(2))
    bias.table[...] = 30 * bias.table[...]  # beside scores of about 1
    layer = BiasedAttention(8, 2, bias, rngs=nnx.Rngs(1))
    x = jnp.asarray(RNG.normal(size=(1, *window, 8)), jnp.float32)
    attend = lambda x: layer(x.reshape(1, -1, 8)).reshape(x.shape)  # noqa: E731
    gap = 0.0
    for shift in np.ndindex(window):
        moved = attend(jnp.roll(x, shift, (1, 2)))
        gap = max(gap, np.abs(moved - jnp.roll(attend(x), shift, (1, 2))).max())
    return gap


def test_circular_positions_commute_with_all_shifts_of_the_whole_map():
    assert largest_gap(CircularBias, WORLD, WORLD) < 1e-5
    assert largest_gap(RelativeBias, WORLD, WORLD) > 1e-2


def test_circular_positions_are_the_relative_ones_in_narrower_windows():
    circular, relative = (
        np.array(kind((2, 3), (4, 6), 1, rngs=nnx.Rngs(0)).classes)
        for kind in (CircularBias, RelativeBias)
    )
    same = circular[:, :, None, None] == circular
    assert circular.max() == relative.max() == 14
    np.testing.assert_array_equal(same, relative[:, :, None, None] == relative)


@pytest.mark.parametrize("padding", ["zero", "circular", "reflect", "valid"])
def test_depthwise_is_one_convolution_a_channel(padding):
    layer = Depthwise(3, 3, padding=padding, rngs=nnx.Rngs(0))
    layer.bias[...] = jnp.array([0.1, -0.2, 0.3])
    x = RNG.normal(size=(2, 5, 6, 3)).astype(np.float32)
    found = np.asarray(layer(jnp.asarray(x)))
    padded = np.asarray(pad(jnp.asarray(x), 3, padding))
    kernel = np.asarray(layer.kernel[...])
    for at in np.ndindex(found.shape):
        b, i, j, c = at
        wanted = (padded[b, i : i + 3, j : j + 3, c] * kernel[:, :, 0, c]).sum()
        assert abs(found[at] - wanted - float(layer.bias[c])) < 1e-5


def test_both_forms_of_the_depthwise_convolution_agree():
    x = jnp.asarray(RNG.normal(size=(2, 7, 9, 4)), jnp.float32)
    kernel = jnp.asarray(RNG.normal(size=(3, 3, 1, 4)), jnp.float32)
    np.testing.assert_allclose(add_slices(x, kernel), convolve(x, kernel), atol=1e-5)
