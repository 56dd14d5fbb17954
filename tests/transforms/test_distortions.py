"""Small changes against SciPy, and the laws that each must keep."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from research.transforms.distortions import (
    Elastic,
    add_noise,
    bilinear,
    brighten,
    rotate,
    scale,
    turn_and_move,
)
from research.transforms.scrambles import draw_seeds

SEEDS = jnp.asarray(draw_seeds(0, 3))
IMAGES = np.random.default_rng(1).random((3, 8, 8, 2), np.float32)
X = jnp.asarray(IMAGES)
CHANGES = [rotate, scale, brighten, add_noise, Elastic(2.0)]
NEUTRAL = [0.0, 1.0, 0.0, 0.0, 0.0]


def amounts(*values):
    return jnp.array(values, jnp.float32)


def reference(image, rows, columns):
    """SciPy's bilinear interpolation of each channel, zeros outside."""
    return np.stack(
        [
            ndimage.map_coordinates(c, (rows, columns), order=1, mode="grid-constant")
            for c in np.moveaxis(image, -1, 0)
        ],
        -1,
    )


def about_centre(matrix):
    """Where each pixel of an 8×8 result comes from under a linear map."""
    grid = np.stack(np.meshgrid(*2 * [np.arange(8) - 3.5], indexing="ij"))
    return np.einsum("ij,jhw->ihw", matrix, grid) + 3.5


def test_bilinear_is_scipys():
    rng = np.random.default_rng(2)
    rows, columns = rng.uniform(-2, 9, (2, 3, 8, 8)).astype(np.float32)
    ours = bilinear(X, jnp.asarray(rows), jnp.asarray(columns))
    for image, result, y, x in zip(IMAGES, ours, rows, columns, strict=True):
        np.testing.assert_allclose(result, reference(image, y, x), atol=1e-5)


def test_rotation_is_scipys_and_turns_counter_clockwise():
    angles = [5.0, -15.0, 90.0]
    ours = rotate(X, amounts(*angles), SEEDS)
    for image, result, angle in zip(IMAGES[:2], ours[:2], angles[:2], strict=True):
        c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
        expected = reference(image, *about_centre([[c, s], [-s, c]]))
        np.testing.assert_allclose(result, expected, atol=1e-5)
    np.testing.assert_allclose(ours[2], np.rot90(IMAGES[2]), atol=1e-5)


def test_scale_magnifies_and_keeps_the_centre():
    factors = [0.5, 1.1, 2.0]
    ours = scale(X, amounts(*factors), SEEDS)
    for image, result, factor in zip(IMAGES, ours, factors, strict=True):
        expected = reference(image, *about_centre(np.eye(2) / factor))
        np.testing.assert_allclose(result, expected, atol=1e-5)
    assert (np.asarray(ours[0])[[0, 7]] == 0).all()  # half the size: zeros around it


@pytest.mark.parametrize("change, neutral", list(zip(CHANGES, NEUTRAL, strict=True)))
def test_no_amount_is_no_change_and_examples_are_alone(change, neutral):
    still = jax.jit(change)(X, jnp.full(3, neutral), SEEDS)
    np.testing.assert_allclose(still, IMAGES, atol=1e-6)
    changed = change(X, jnp.full(3, 0.7), SEEDS)
    assert np.abs(changed - IMAGES).max() > 0.05
    alone = change(X[1:2], jnp.full(1, 0.7), SEEDS[1:2])
    np.testing.assert_allclose(changed[1:2], alone, atol=1e-6)


def test_brightness_adds_and_clips():
    ours = brighten(X, amounts(0.25, -0.25, 1.0), SEEDS)
    np.testing.assert_allclose(ours[0], np.minimum(IMAGES[0] + 0.25, 1), rtol=1e-6)
    np.testing.assert_allclose(ours[1], np.maximum(IMAGES[1] - 0.25, 0), atol=1e-6)
    assert (ours[2] == 1).all()


def test_noise_has_its_deviation_and_a_seed_for_each_example():
    grey = np.full((3, 64, 64, 1), 0.5, np.float32)
    ours = (
        np.asarray(add_noise(jnp.asarray(grey), amounts(0.05, 0.1, 0.1), SEEDS)) - 0.5
    )
    assert ours.mean() == pytest.approx(0, abs=0.005)
    np.testing.assert_allclose(ours.std((1, 2, 3)), [0.05, 0.1, 0.1], rtol=0.05)
    assert abs(np.corrcoef(ours.reshape(3, -1)) - np.eye(3)).max() < 0.1


def test_elastic_displaces_by_its_amount_and_smoothly():
    elastic = Elastic(2.0)
    field = np.asarray(elastic.field(X, SEEDS))
    np.testing.assert_allclose((field**2).sum(-1).mean((1, 2)), 1, rtol=1e-5)
    np.testing.assert_allclose(field.mean((1, 2)), 0, atol=1e-6)
    noise = np.stack([jax.random.normal(jax.random.key(s), (8, 8, 2)) for s in SEEDS])
    smooth = ndimage.gaussian_filter(noise, (0, 2, 2, 0), mode="wrap", truncate=16)
    smooth -= smooth.mean((1, 2), keepdims=True)
    length = np.sqrt((smooth**2).sum(-1).mean((1, 2)))[:, None, None, None]
    np.testing.assert_allclose(field, smooth / length, atol=0.02)
    ours = elastic(X, amounts(0.5, 1.0, 2.0), SEEDS)
    for image, result, dx, pixels in zip(IMAGES, ours, field, (0.5, 1, 2), strict=True):
        y, x = about_centre(np.eye(2)) + pixels * np.moveaxis(dx, -1, 0)
        np.testing.assert_allclose(result, reference(image, y, x), atol=1e-4)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_signal_is_never_moved_off_its_line(axis):
    shape = (1, 16, 1) if axis == 0 else (16, 1, 1)
    white, seeds = jnp.ones((3, *shape)), SEEDS
    middle = (
        (slice(None), 0, slice(4, 12)) if axis == 0 else (slice(None), slice(4, 12))
    )
    for change, amount in ((rotate, 15.0), (scale, 1.1), (Elastic(2.0), 2.0)):
        moved = change(white, amounts(*[amount] * 3), seeds)
        np.testing.assert_allclose(moved[middle], 1, atol=1e-6)
    signal = jnp.asarray(np.random.default_rng(0).random((3, *shape)), jnp.float32)
    pose = np.array([0.0, 3.0, 3.0]) * (np.arange(3) != 1 + axis)
    posed = turn_and_move(signal, jnp.tile(amounts(0, 3, 3), (3, 1)), seeds)
    wanted = turn_and_move(signal, jnp.tile(amounts(*pose), (3, 1)), seeds)
    np.testing.assert_array_equal(posed, wanted)
    assert not np.array_equal(posed, signal)
