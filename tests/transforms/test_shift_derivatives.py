"""Derivatives against moves, analytic images and JAX's own resampling."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.nn.signal import fractional_shift
from research.transforms.derivatives import (
    bicubic,
    fourier,
    magnify,
    rotate,
    shift_down,
    shift_right,
)
from research.transforms.distortions import rotate as turn
from research.transforms.distortions import scale


@pytest.mark.parametrize("shape", [(8, 12), (7, 9)])
def test_fourier_is_the_derivative_of_fractional_shifts(shape):
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, *shape, 3)), jnp.float32)
    for axis, move in ((0, shift_down), (1, shift_right)):
        along = jnp.zeros((2, 2)).at[:, axis].set(1)
        _, change = jax.jvp(
            lambda d: fractional_shift(x, d), (jnp.zeros((2, 2)),), (along,)
        )
        np.testing.assert_allclose(move(x, fourier), change, atol=1e-5)


@pytest.mark.parametrize("axis", [1, 2])
def test_bicubic_is_that_of_a_resampled_image_away_from_edges(axis):
    x = jnp.asarray(np.random.default_rng(0).normal(size=(1, 9, 11, 2)), jnp.float32)

    def moved(t):
        offset = jnp.zeros(2).at[axis - 1].set(t)
        return jax.image.scale_and_translate(
            x, x.shape, (1, 2), jnp.ones(2), offset, "cubic", antialias=False
        )

    _, change = jax.jvp(moved, (0.0,), (1.0,))
    move = (shift_down, shift_right)[axis - 1](x, bicubic)
    np.testing.assert_allclose(
        move[:, 2:-2, 2:-2], change[:, 2:-2, 2:-2], rtol=1e-4, atol=1e-5
    )


def blob(size=33):
    """A smooth image off its centre, black at the edges."""
    y, x = np.indices((size, size)) - size // 2
    image = np.exp(-((y - 4) ** 2 / 30 + (x + 3) ** 2 / 18))
    return jnp.asarray(image[None, ..., None], jnp.float32)


@pytest.mark.parametrize(
    ("generator", "perturb", "step"),
    [(rotate, turn, "angle"), (magnify, scale, "size")],
)
def test_turning_and_magnifying_move_as_the_perturbations_do(generator, perturb, step):
    x, t = blob(), 0.02
    ends = [np.rad2deg(t), -np.rad2deg(t)] if step == "angle" else [1 + t, 1 - t]
    after, before = (
        perturb(x, jnp.full(1, one, jnp.float32), jnp.zeros(1, jnp.uint32))
        for one in ends
    )
    difference = (after - before) / (2 * t)
    change = generator(x, bicubic)
    assert float(jnp.abs(change - difference).max()) < 0.05 * float(change.max())
