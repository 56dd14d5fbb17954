"""Geometry of one picture: against shifts, quarter turns and SciPy's own transforms."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from research.transforms.corruptions.geometry import rotate, scale, tilt, translate
from research.transforms.distortions import rotate as rotate_batch
from research.transforms.shifts import zero

RNG = np.random.default_rng(0)
SHAPES = [(9, 9, 1), (12, 8, 3), (7, 10, 2)]


def picture(shape):
    return np.random.default_rng(1).random(shape)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "change, amounts",
    [(translate, (0, 0)), (rotate, (0,)), (tilt, (0,)), (tilt, (0, 1)), (scale, (1,))],
)
def test_no_amount_is_the_picture_bit_by_bit(change, amounts, shape):
    image = picture(shape)
    np.testing.assert_array_equal(change(image, RNG, *amounts), image)


@pytest.mark.parametrize("offset", [(0, 3), (-2, 0), (4, -1), (0, -20)])
def test_whole_pixels_are_those_of_shifts(offset):
    image = picture((12, 8, 3)).astype(np.float32)
    expected = zero(jnp.array(image[None]), jnp.array([offset]))[0]
    made = translate(image.astype(float), RNG, *offset)
    np.testing.assert_array_equal(made, expected)


def test_half_a_pixel_is_the_mean_of_two():
    image = picture((4, 5, 1))
    padded = np.pad(image, ((0, 0), (1, 0), (0, 0)))
    expected = (padded[:, 1:] + padded[:, :-1]) / 2
    np.testing.assert_allclose(translate(image, RNG, 0, 0.5), expected)


@pytest.mark.parametrize("size", [8, 9])
@pytest.mark.parametrize("turns", [-1, 1, 2])
def test_quarter_turns(size, turns):
    image = picture((size, size, 3))
    made = rotate(image, RNG, 90 * turns)
    np.testing.assert_allclose(made, np.rot90(image, turns), atol=1e-12)


def test_a_rotation_is_that_of_whole_batches():
    image = picture((12, 8, 3))
    batch = jnp.array(image[None], jnp.float32)
    expected = rotate_batch(batch, jnp.array([17.0]), jnp.zeros(1, jnp.uint32))[0]
    np.testing.assert_allclose(rotate(image, RNG, 17), expected, atol=1e-5)


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.3, 2])
def test_scale_is_an_affine_map_about_the_centre(factor):
    image = picture((12, 8, 3))
    centre = np.array([5.5, 3.5, 1])
    matrix = np.diag([1 / factor, 1 / factor, 1])
    offset = centre - matrix @ centre
    expected = ndimage.affine_transform(
        image, matrix, offset, order=1, mode="grid-constant"
    )
    np.testing.assert_allclose(scale(image, RNG, factor), expected, atol=1e-12)


@pytest.mark.parametrize("degrees", [-40, 25])
@pytest.mark.parametrize("distance", [1, 2.5])
def test_a_tilt_is_a_turn_of_the_plane_in_front_of_a_camera(degrees, distance):
    """Coordinates as colours: where a pixel comes from, carried on to where it is."""
    height, width = 21, 31
    y, x = np.mgrid[:height, :width] - np.array([10.0, 15.0])[:, None, None]
    # Colours within [1, 2], so that zero is outside.
    coded = np.stack([1.5 + y / 40, 1.5 + x / 40, np.ones_like(y)], -1)
    made = tilt(coded, RNG, degrees, distance)
    inside = made[..., 2] > 1 - 1e-9
    assert 0.3 < inside.mean() < 1
    source = 40 * (made[inside][:, :2] - 1.5)
    phi, reach = np.deg2rad(degrees), distance * height
    turned = source @ np.array([[np.cos(phi), 0, np.sin(phi)], [0, 1, 0]])
    seen = turned[:, :2] * (reach / (reach + turned[:, 2:]))
    np.testing.assert_allclose(seen, np.stack([y, x], -1)[inside], atol=1e-9)


def test_nothing_is_seen_beyond_the_horizon():
    image = np.ones((40, 9, 1))
    made = tilt(image, RNG, 80, 0.6)[..., 0]
    v = np.arange(40) - 19.5
    beyond = np.cos(np.deg2rad(80)) <= v / 24 * np.sin(np.deg2rad(80))
    assert beyond.any() and not made[beyond].any()
    assert made[~beyond].any()


def test_along_an_axis_of_one_pixel_nothing_moves():
    for shape, down, right in (((1, 9, 2), 3, 0), ((9, 1, 2), 0, 3)):
        image = picture(shape)
        np.testing.assert_array_equal(translate(image, RNG, down, right), image)
        moved = translate(image, RNG, 2, 2)
        wanted = translate(image, RNG, 0 if down else 2, 0 if right else 2)
        np.testing.assert_array_equal(moved, wanted)
        assert not np.array_equal(moved, image)
