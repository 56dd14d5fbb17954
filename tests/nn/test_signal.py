"""Pads, windows, grids and shifts against NumPy."""

from itertools import product
from math import comb

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.errors import UserError
from research.nn import signal


@pytest.fixture
def x():
    return jnp.asarray(np.random.default_rng(0).normal(size=(2, 6, 9, 3)), jnp.float32)


@pytest.mark.parametrize("value", [3, (3, 3), [3, 3]])
def test_pair_takes_one_or_two(value):
    assert signal.pair(value) == (3, 3)


@pytest.mark.parametrize("value", [0, (1, 0), (1, 2, 3), ()])
def test_pair_names_the_key(value):
    with pytest.raises(UserError, match=r"model\.key="):
        signal.pair(value, "model.key")


@pytest.mark.parametrize("window, before", [(1, 0), (2, 0), (3, 1), (4, 1), (7, 3)])
def test_margins_keep_the_size_and_lean_right(window, before):
    assert signal.margins(window) == (before, window - 1 - before)


def test_pad_circular_continues_small_maps_again_and_again():
    x = jnp.arange(2.0).reshape(1, 1, 2, 1)
    y = signal.pad(x, (1, 7), "circular")[0, 0, :, 0]
    np.testing.assert_array_equal(y, [1, 0, 1, 0, 1, 0, 1, 0])


@pytest.mark.parametrize("taps", range(1, 8))
def test_binomial_is_a_row_of_pascals_triangle(taps):
    row = signal.binomial(taps) * 2 ** (taps - 1)
    np.testing.assert_array_equal(row, [comb(taps - 1, i) for i in range(taps)])
    if taps > 1:
        above = np.pad(signal.binomial(taps - 1) * 2 ** (taps - 2), 1)
        np.testing.assert_array_equal(row, above[1:] + above[:-1])


@pytest.mark.parametrize("stride", [(1, 1), (2, 3), (3, 2), (4, 4), (6, 9)])
def test_polyphase_holds_every_shifted_grid(x, stride):
    grids = signal.polyphase(x, stride)
    rows, columns = np.arange(-(-6 // stride[0])), np.arange(-(-9 // stride[1]))
    for p, q in product(range(stride[0]), range(stride[1])):
        expected = np.asarray(x)[:, (rows * stride[0] + p) % 6][
            :, :, (columns * stride[1] + q) % 9
        ]
        np.testing.assert_array_equal(grids[:, p * stride[1] + q], expected)
    np.testing.assert_array_equal(grids[:, 0], signal.decimate(x, stride))


@pytest.mark.parametrize("offset", [(0, 0), (1, 2), (-3, 5), (7, -20)])
def test_shift_rolls_all_examples_or_each(x, offset):
    rolled = np.roll(x, offset, (1, 2))
    np.testing.assert_array_equal(signal.shift(x, offset), rolled)
    each = jnp.array([[0, 0], offset])
    np.testing.assert_array_equal(signal.shift(x, each), [x[0], rolled[1]])


def upsampled(x, factor):
    """Ideal interpolation by zero-padding the spectrum, ±Nyquist halved."""
    for axis in (1, 2):
        spectrum = np.moveaxis(np.fft.fft(x, axis=axis), axis, 0)
        size = len(spectrum)
        wide = np.zeros((factor * size, *spectrum.shape[1:]), complex)
        for f in range(-(size // 2), (size + 1) // 2):
            halves = (f, -f) if 2 * f == -size else (f,)
            for g in halves:
                wide[g] += spectrum[f] / len(halves)
        x = np.moveaxis(np.fft.ifft(wide, axis=0).real * factor, 0, axis)
    return x


@pytest.mark.parametrize("shape", [(6, 9), (4, 8)])
def test_fractional_shift_is_upsampling_rolling_and_decimating(shape):
    x = np.random.default_rng(0).normal(size=(2, *shape, 3))
    steps = np.array([[1, -2], [7, 4]])
    expected = [
        np.roll(upsampled(x, 4), step, (1, 2))[i, ::4, ::4]
        for i, step in enumerate(steps)
    ]
    shifted = jax.jit(signal.fractional_shift)(
        jnp.asarray(x, jnp.float32), jnp.asarray(steps / 4, jnp.float32)
    )
    np.testing.assert_allclose(shifted, expected, atol=2e-6)


def test_fractional_shift_by_whole_pixels_rolls(x):
    offsets = jnp.array([[1, 2], [-3, 4]])
    shifted = signal.fractional_shift(x, offsets.astype(jnp.float32))
    np.testing.assert_allclose(shifted, signal.shift(x, offsets), atol=2e-6)


@pytest.mark.parametrize("size, stride", [(8, 2), (6, 2), (9, 3), (7, 1)])
@pytest.mark.parametrize("nyquist", [True, False])
def test_band_is_a_projection_that_commutes_with_shifts(size, stride, nyquist):
    matrix = signal.band(size, stride, nyquist=nyquist)
    np.testing.assert_allclose(matrix @ matrix, matrix, atol=1e-12)
    np.testing.assert_allclose(matrix.sum(1), 1, atol=1e-12)
    np.testing.assert_allclose(np.roll(matrix, (1, 1), (0, 1)), matrix, atol=1e-12)
    survivors = size // stride - (
        not nyquist and stride > 1 and size // stride % 2 == 0
    )
    np.testing.assert_allclose(np.trace(matrix), survivors, atol=1e-12)
