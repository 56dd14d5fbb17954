"""Ideal resampling against the spectrum, and shifts by fractions of a pixel."""

from fractions import Fraction

import jax.numpy as jnp
import numpy as np
import pytest

from research.errors import UserError
from research.nn.resampling import keep_half_band, resample, upsample
from research.nn.signal import band, fractional_shift


def maps(*shape, seed=0):
    values = np.random.default_rng(seed).normal(size=shape)
    return jnp.asarray(values, jnp.float32)


def without_nyquist(x):
    """A map whose bins at ±n/2 are zero, of either axis."""
    spectrum = np.fft.fft2(x, axes=(1, 2))
    for axis in (1, 2):
        at = np.abs(np.fft.fftfreq(x.shape[axis])) == 0.5
        spectrum[(slice(None),) * axis + (at,)] = 0
    return jnp.asarray(np.fft.ifft2(spectrum, axes=(1, 2)).real, jnp.float32)


def by_spectrum(signal, new):
    """Resamples along the first axis by zeros in, or cut out of, the spectrum."""
    size = len(signal)
    found, wanted = (
        np.fft.fft(signal, axis=0),
        np.zeros((new, *signal.shape[1:]), complex),
    )
    for f in range(-(size // 2), size // 2 + 1):
        if new > size and 2 * abs(f) == size:
            wanted[f] += found[f] / 2
        elif 2 * abs(f) < min(size, new):
            wanted[f] = found[f]
    return np.fft.ifft(wanted, axis=0).real * new / size


@pytest.mark.parametrize("sizes", [(12, 14), (9, 7), (8, 20), (3, 4), (24, 5)])
def test_resampling_is_that_of_the_spectrum(sizes):
    x = maps(2, 6, 7, 3)
    rows = by_spectrum(np.moveaxis(np.asarray(x), 1, 0), sizes[0])
    both = by_spectrum(np.moveaxis(rows, 2, 0), sizes[1])  # columns, rows, batch, …
    want = both.transpose(2, 1, 0, 3)
    np.testing.assert_allclose(resample(x, sizes), want, atol=2e-6)


@pytest.mark.parametrize("size", [6, 7, 8, 12, 16])
@pytest.mark.parametrize("factor", [2, 3, 4])
def test_upsampling_interpolates_at_any_size_and_factor(size, factor):
    x = maps(2, size, size + 1, 2)
    y = upsample(x, factor)
    assert y.shape == (2, factor * size, factor * (size + 1), 2)
    np.testing.assert_allclose(y[:, ::factor, ::factor], x, atol=2e-6)


def test_any_rational_factor_of_each_axis():
    x = maps(1, 6, 8, 2)
    y = upsample(x, [1.5, Fraction(9, 8)])
    assert y.shape == (1, 9, 9, 2)
    np.testing.assert_array_equal(y, resample(x, (9, 9)))
    np.testing.assert_array_equal(upsample(x, 1), x)
    for factor in (1.25, 0.5):
        with pytest.raises(UserError, match=f"upsampling by {factor}: a 6×8 map"):
            upsample(x, factor)


def test_down_undoes_up_where_the_nyquist_bin_is_zero():
    x = without_nyquist(maps(2, 8, 6, 2))
    np.testing.assert_allclose(resample(resample(x, (13, 9)), (8, 6)), x, atol=2e-6)


@pytest.mark.parametrize("sizes", [(16, 14), (4, 14), (12, 21)])
def test_resampling_commutes_with_fractional_shifts(sizes):
    x = without_nyquist(maps(2, 8, 7, 2))
    d = jnp.array([[0.3, -1.7], [2.25, 0.5]])
    ratio = jnp.array(sizes) / jnp.array([8, 7])
    moved = resample(fractional_shift(x, d), sizes)
    want = fractional_shift(resample(x, sizes), d * ratio)
    np.testing.assert_allclose(moved, want, atol=3e-6)


def test_the_nyquist_bin_is_why():
    """Of an even size white noise does not come back from half a pixel and back."""
    half = jnp.full((1, 2), 0.5)
    for size, lost in ((8, True), (7, False)):
        x = maps(1, size, size, 1)
        back = fractional_shift(fractional_shift(x, half), -half)
        assert (float(jnp.abs(back - x).max()) > 0.1) is lost


@pytest.mark.parametrize("size", [5, 6, 7, 8, 12])
def test_half_a_band(size):
    x = maps(1, size, size, 2)
    spectrum = np.fft.fft2(keep_half_band(x), axes=(1, 2))
    frequency = np.abs(np.fft.fftfreq(size, 1 / size))
    kept = np.logical_and.outer(4 * frequency < size, 4 * frequency < size)
    want = np.fft.fft2(x, axes=(1, 2)) * kept[None, ..., None]
    np.testing.assert_allclose(spectrum, want, atol=1e-4)
    if size % 4 == 0:
        rows = band(size, 2, nyquist=False).real
        both = jnp.einsum("ij,bjkc,lk->bilc", rows, x, rows)
        np.testing.assert_allclose(keep_half_band(x), both, atol=2e-6)
