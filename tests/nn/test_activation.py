"""Alias-free activations and norms: which shifts they commute with, and when not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from test_resampling import maps, without_nyquist

from research.errors import UserError
from research.nn.activation import (
    NEAR_GELU,
    AliasFree,
    HalfBand,
    Polynomial,
    activate_within,
    exact_gelu,
    gelu,
    relu,
)
from research.nn.layers import BatchNorm, Dense
from research.nn.norm import CHW2, LayerNorm
from research.nn.resampling import resample
from research.nn.signal import fractional_shift, shift

OFFSETS = jnp.array([[0.3, -1.7], [0.5, 2.25]])
FIT = {p: (0.02, *([0.5] * p)) for p in (1, 2, 3, 4)}


def build(part, **settings):
    made = part(3, rngs=nnx.Rngs(0), **settings)
    if isinstance(made, nnx.Module):
        made.eval()
    return made


def moves(f, x, offsets=OFFSETS):
    """How far f(T_d x) is from T_d f(x), as a fraction of the RMS of f(x)."""
    y = f(x)
    gap = f(fractional_shift(x, offsets)) - fractional_shift(y, offsets)
    return float(jnp.abs(gap).max() / jnp.sqrt(jnp.mean(y**2)))


@pytest.mark.parametrize("size", [6, 7, 8, 12, 16])
@pytest.mark.parametrize("part", [AliasFree, CHW2, BatchNorm])
def test_commutes_with_fractional_shifts_without_the_nyquist_bin(part, size):
    x = without_nyquist(maps(2, size, size, 3))
    assert moves(build(part), x) < 5e-6


@pytest.mark.parametrize("part", [relu, gelu, Polynomial, LayerNorm])
def test_pointwise_parts_commute_with_whole_pixels_only(part):
    x = without_nyquist(maps(2, 8, 8, 3))
    assert moves(build(part), x) > 1e-2
    whole = jnp.array([[1, -3], [4, 2]])
    np.testing.assert_allclose(
        build(part)(shift(x, whole)), shift(build(part)(x), whole), atol=2e-5
    )


def test_the_nyquist_trap():
    """White noise has energy there: of an even map no half pixel is exact."""
    act = build(AliasFree)
    assert moves(act, maps(2, 8, 8, 3)) > 0.05
    assert moves(act, maps(2, 7, 7, 3)) < 5e-6
    whole = jnp.array([[1.0, -3.0], [4.0, 2.0]])
    assert moves(act, maps(2, 8, 8, 3), whole) < 5e-6


@pytest.mark.parametrize("size", [7, 8])
@pytest.mark.parametrize(("degree", "least"), [(1, 1), (2, 1.5), (3, 2), (4, 2.5)])
def test_degree_p_needs_a_factor_of_half_of_p_and_1(degree, least, size):
    x = without_nyquist(maps(2, size, size, 3))
    act = build(AliasFree, coefficients=FIT[degree], upsampling=least)
    assert moves(act, x) < 1e-5
    with pytest.raises(UserError, match=rf"upsampling={least - 0.25}: .*{least:g}"):
        build(AliasFree, coefficients=FIT[degree], upsampling=least - 0.25)


def test_less_would_alias():
    """Of degree 2: with 1.25 in place of 1.5 it is far from exact."""
    x = without_nyquist(maps(2, 16, 16, 3))
    act = build(AliasFree, upsampling=1.5)
    assert moves(act, x) < 5e-6
    act.upsampling = 1.25
    assert moves(act, x) > 1e-2


def test_equals_the_polynomial_of_the_continuous_signal():
    """A wave, squared, is a constant and a wave of twice the frequency, or none."""
    angle = 2 * np.pi * np.arange(12) / 12
    for frequency in (2, 3):
        x = np.broadcast_to(
            np.cos(frequency * angle)[None, :, None, None], (1, 12, 12, 3)
        )
        square = 0.5 + 0.5 * np.cos(2 * frequency * angle) * (2 * frequency < 6)
        a0, a1, a2 = NEAR_GELU
        want = a0 + a1 * x + a2 * square[None, :, None, None]
        found = build(AliasFree)(jnp.asarray(x, jnp.float32))
        np.testing.assert_allclose(found, want, atol=2e-6)


def test_initial_coefficients_are_the_fit_to_gelu():
    x = np.linspace(-1.42, 1.42, 20_001)
    fit = np.polynomial.polynomial.polyfit(x, np.asarray(exact_gelu(x)), 2)
    np.testing.assert_allclose(NEAR_GELU, fit, atol=2e-3)


def test_channels_and_scales_are_their_own():
    poly = build(Polynomial, scaled=True)
    poly.coefficients[...] = jnp.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]])
    poly.scales[...] = jnp.array([2.0, 3.0])
    x = maps(1, 2, 2, 3)
    want = jnp.stack([jnp.full(x.shape[:3], 3), 6 * x[..., 1], 12 * x[..., 2] ** 2], -1)
    np.testing.assert_allclose(poly(x), want, rtol=1e-5)
    with pytest.raises(UserError, match="at least two"):
        build(AliasFree, coefficients=[1.0])


def test_between_linear_maps_the_narrow_map_is_resampled():
    rngs = nnx.Rngs(1)
    expand, contract = Dense(3, 12, rngs=rngs), Dense(12, 3, rngs=rngs)
    expand.bias[...] = jnp.arange(12) / 10
    contract.bias[...] = jnp.arange(3) / 10
    act, x = AliasFree(12, rngs=rngs), maps(2, 6, 7, 3)
    want = contract(act(expand(x)))
    np.testing.assert_allclose(
        activate_within(act, expand, contract, x), want, atol=2e-5
    )
    seen = []
    activate_within(act, lambda y: seen.append(y.shape) or expand(y), contract, x)
    assert seen == [(2, 12, 14, 3)]


def test_the_cheap_variant_is_alias_free_below_half_the_band_alone():
    x, act = without_nyquist(maps(2, 16, 16, 3)), build(HalfBand)
    assert moves(act, x) > 1e-3
    halved = lambda y: resample(act(y), (8, 8))  # noqa: E731
    gap = halved(fractional_shift(x, OFFSETS)) - fractional_shift(
        halved(x), OFFSETS / 2
    )
    assert float(jnp.abs(gap).max()) < 1e-5
    with pytest.raises(UserError, match="takes three"):
        build(HalfBand, coefficients=[0.0, 1.0])


def test_chw2_has_one_deviation_for_an_example():
    x = maps(3, 4, 5, 6) * jnp.array([1.0, 5.0, 50.0])[:, None, None, None] + 7
    norm = CHW2(6, rngs=nnx.Rngs(0))
    y = np.asarray(norm(x))
    np.testing.assert_allclose(y.mean(-1), 0, atol=1e-5)
    np.testing.assert_allclose(y.std((1, 2, 3)), 1, rtol=1e-5)
    np.testing.assert_allclose(norm(x[:1]), y[:1], atol=1e-6)
    norm.scale[...], norm.bias[...] = jnp.full(6, 2.0), jnp.arange(6.0)
    np.testing.assert_allclose(norm(x), 2 * y + np.arange(6), atol=1e-5)


@pytest.mark.slow  # compiles gradients in two types
@pytest.mark.parametrize("part", [AliasFree, HalfBand, CHW2])
def test_half_precision_keeps_its_type_and_gradients_are_finite(part):
    made = build(part)
    assert made(maps(2, 8, 6, 3).astype(jnp.bfloat16)).dtype == jnp.bfloat16
    slope = jax.grad(lambda x: made(x).sum())(maps(2, 8, 6, 3))
    assert jnp.isfinite(slope).all()
