"""A dilated convolution is one with zeros between its weights; so are gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from research.nn.convolution import convolve_by_xla, convolve_dilated
from research.nn.layers import Conv


def spread(kernel, dilation):
    """The same weights with zeros between them, by NumPy."""
    rows, columns, *channels = kernel.shape
    down, across = dilation
    wide = np.zeros(((rows - 1) * down + 1, (columns - 1) * across + 1, *channels))
    wide[::down, ::across] = kernel
    return wide


def correlate(x, kernel, edges):
    """Cross-correlation as its definition says."""
    x = np.pad(x, ((0, 0), *edges, (0, 0)))
    rows, columns = kernel.shape[:2]
    windows = np.lib.stride_tricks.sliding_window_view(x, (rows, columns), (1, 2))
    return np.einsum("bhwcij,ijco->bhwo", windows, kernel)


@pytest.mark.parametrize("stride", [(1, 1), (2, 1)])
@pytest.mark.parametrize(
    "size, window, dilation, edges",
    [
        ((12, 12), (3, 3), (3, 3), ((3, 3), (3, 3))),
        ((11, 13), (3, 2), (2, 5), ((2, 0), (1, 4))),
        ((7, 9), (2, 3), (6, 1), ((0, 0), (1, 1))),
        ((5, 5), (3, 3), (2, 2), ((0, 0), (0, 0))),
    ],
)
def test_it_is_a_convolution_with_zeros_between(size, window, dilation, edges, stride):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, *size, 3))
    kernel = rng.normal(size=(*window, 3, 4))
    expected = correlate(x, spread(kernel, dilation), edges)
    expected = expected[:, :: stride[0], :: stride[1]]
    found = convolve_dilated(
        jnp.float32(x), jnp.float32(kernel), stride, edges, dilation
    )
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_gradients_are_those_of_the_library():
    rng = np.random.default_rng(1)
    x = jnp.float32(rng.normal(size=(2, 10, 11, 3)))
    kernel = jnp.float32(rng.normal(size=(3, 3, 3, 4)))
    how = {"edges": ((3, 3), (2, 2)), "dilation": (3, 2)}

    def energy(convolve):
        return jax.grad(
            lambda x, k: (convolve(x, k, stride=(1, 1), **how) ** 2).sum(), (0, 1)
        )

    for mine, library in zip(
        energy(convolve_dilated)(x, kernel),
        energy(convolve_by_xla)(x, kernel),
        strict=True,
    ):
        np.testing.assert_allclose(mine, library, rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("padding", ["zero", "circular", "reflect"])
def test_a_layer_keeps_the_size_of_its_map(padding):
    conv = Conv(2, 3, 3, padding=padding, dilation=(3, 2), rngs=nnx.Rngs(0))
    assert conv(jnp.ones((1, 9, 8, 2))).shape == (1, 9, 8, 3)


def test_programs_for_accelerators_leave_it_to_xla():
    x, kernel = jnp.ones((1, 8, 8, 1)), jnp.ones((3, 3, 1, 1))

    def run(x, kernel):
        return convolve_dilated(x, kernel, (1, 1), ((2, 2), (2, 2)), (2, 2))

    traced = jax.jit(run).trace(x, kernel)
    accelerated = traced.lower(lowering_platforms=("cuda",)).as_text()
    assert "rhs_dilate = [2, 2]" in accelerated
    assert "rhs_dilate = [2, 2]" not in traced.lower().as_text()
