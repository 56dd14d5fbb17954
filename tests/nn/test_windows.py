"""Sliding windows and filters along an axis, against NumPy, with their gradients."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.nn.signal import check
from research.nn.windows import correlate, grids, windows

MODES = {"zero": "constant", "reflect": "reflect", "circular": "wrap"}
WINDOWS = [
    ((2, 2), (2, 2)),  # share no element
    ((1, 2), (3, 3)),
    ((3, 2), (2, 3)),  # overlap
    ((3, 3), (1, 2)),
    ((5, 4), (2, 3)),
    ((6, 1), (4, 1)),
]


def draw(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@partial(jax.jit, static_argnums=0)
def value_and_pullback(function, x, given):
    """One program: compiling each operation takes the time."""
    y, pull = jax.vjp(function, x)
    return y, *pull(given)


@pytest.mark.parametrize("window, stride", WINDOWS)
@pytest.mark.parametrize("size", [(6, 6), (7, 9)])
def test_windows_are_the_slices_of_sliding_windows(window, stride, size):
    x = draw(2, *size, 3)
    views = np.lib.stride_tricks.sliding_window_view(x, window, axis=(1, 2))
    views = views[:, :: stride[0], :: stride[1]]
    stacked = np.stack(windows(jnp.asarray(x), window, stride), -1)
    np.testing.assert_array_equal(stacked, views.reshape(stacked.shape))


@pytest.mark.parametrize("window, stride", WINDOWS)
@pytest.mark.parametrize("size", [(6, 6), (7, 9)])
def test_each_window_sends_its_gradient_back(window, stride, size):
    x = jnp.asarray(draw(2, *size, 3))
    seen = partial(windows, window=window, stride=stride)
    parts = jax.eval_shape(seen, x)
    given = [draw(*part.shape) + tap for tap, part in enumerate(parts)]
    expected = np.zeros(x.shape, np.float32)
    for slope, (i, j) in zip(given, np.ndindex(*window), strict=True):
        rows, columns = slope.shape[1:3]
        for row, column in np.ndindex(rows, columns):
            at = row * stride[0] + i, column * stride[1] + j
            expected[:, *at] += slope[:, row, column]
    _, slope = value_and_pullback(seen, x, given)
    np.testing.assert_allclose(slope, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("stride", [1, 2, 3, 5])
def test_grids_are_the_decimated_ones(stride):
    x = draw(2, 3, 7, 2)
    parts = grids(jnp.asarray(x), stride, 2)
    assert len(parts) == stride
    for start, part in enumerate(parts):
        rest = x[:, :, start::stride]
        np.testing.assert_array_equal(part[:, :, : rest.shape[2]], rest)
        assert not part[:, :, rest.shape[2] :].any()


def filter_matrix(row, size, stride, padding):
    """Every filtered unit vector: NumPy's padding, then its correlation."""
    columns = []
    for unit in np.eye(size):
        if padding != "valid":
            unit = np.pad(unit, ((len(row) - 1) // 2, len(row) // 2), MODES[padding])
        columns.append(np.correlate(unit, row, "valid")[::stride])
    return np.stack(columns, 1)


@pytest.mark.parametrize("padding", ["valid", *MODES])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize(
    "taps", [2, 3, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 4, 7))]
)
@pytest.mark.parametrize("size", [7, 8])
def test_correlation_of_an_axis_and_its_gradient(size, taps, stride, padding):
    row = draw(taps)
    matrix = filter_matrix(row, size, stride, padding)
    for axis in (1, 2):
        x = draw(2, size, size, 3)
        check(jnp.asarray(x), (taps, taps), padding, "test")
        filtered = partial(
            correlate, row=row, stride=stride, padding=padding, axis=axis
        )
        expected = np.moveaxis(np.tensordot(matrix, x, (1, axis)), 0, axis)
        given = draw(*expected.shape)
        y, slope = value_and_pullback(filtered, x, given)
        np.testing.assert_allclose(y, expected, atol=1e-5)
        expected = np.moveaxis(np.tensordot(matrix.T, given, (1, axis)), 0, axis)
        np.testing.assert_allclose(slope, expected, atol=1e-5)


@pytest.mark.parametrize("padding", ["zero", "circular"])
def test_correlation_of_an_axis_that_is_shorter_than_the_taps(padding):
    x, row = draw(1, 2, 1, 1), draw(7)
    for stride in (1, 2):
        y = correlate(jnp.asarray(x), row, stride, padding, 1)
        matrix = filter_matrix(row, 2, stride, padding)
        np.testing.assert_allclose(y[0, :, 0, 0], matrix @ x[0, :, 0, 0], atol=1e-5)
