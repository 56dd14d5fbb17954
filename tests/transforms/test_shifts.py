import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.transforms.shifts import Crop, circular, draw_offsets, draw_ring, zero

KEY = jax.random.key(3)


@pytest.fixture
def images():
    return np.random.default_rng(0).uniform(0.1, 1, (4, 5, 6, 2)).astype(np.float32)


OFFSETS = np.array([(0, 0), (2, -3), (-1, 5), (-5, 0)], np.int32)


def test_circular_rolls_each_example_on_its_own(images):
    got = circular(jnp.asarray(images), jnp.asarray(OFFSETS))
    want = [np.roll(x, d, (0, 1)) for x, d in zip(images, OFFSETS, strict=True)]
    np.testing.assert_array_equal(got, want)


def test_zero_moves_pixel_by_pixel_and_fills(images):
    want = np.zeros_like(images)
    for (b, y, x, c), value in np.ndenumerate(images):
        to = y + OFFSETS[b, 0], x + OFFSETS[b, 1]
        if 0 <= to[0] < 5 and 0 <= to[1] < 6:
            want[b, *to, c] = value
    got = zero(jnp.asarray(images), jnp.asarray(OFFSETS))
    np.testing.assert_array_equal(got, want)
    assert not want[3].any()  # an offset of the whole height leaves nothing


def test_padded_crops_are_translations(images):
    pad = 5
    corners = np.array([(0, 0), (2, 2), (4, 1), (3, 4)], np.int32)
    crop = Crop(5, 6, pad)(jnp.asarray(images), jnp.asarray(corners))
    moved = zero(jnp.asarray(images), jnp.asarray(pad // 2 - corners))
    np.testing.assert_array_equal(crop, moved)
    np.testing.assert_array_equal(crop[1], images[1])  # the central crop


def test_crops_of_larger_images_are_slices(images):
    corners = np.array([(0, 0), (2, 1), (1, 2), (2, 2)], np.int32)
    got = Crop(3, 4)(jnp.asarray(images), jnp.asarray(corners))
    want = [x[y : y + 3, z : z + 4] for x, (y, z) in zip(images, corners, strict=True)]
    np.testing.assert_array_equal(got, want)


def test_equal_crops_share_a_compilation():
    assert Crop(3, 4, 1) == Crop(3, 4, 1)
    assert hash(Crop(3, 4, 1)) == hash(Crop(3, 4, 1))


def test_offsets_are_uniform_with_both_ends():
    draws = draw_offsets(KEY, 4900, -3, 3)
    places, counts = np.unique(draws, axis=0, return_counts=True)
    assert len(places) == 49
    chi2 = ((counts - 100) ** 2 / 100).sum()
    assert chi2 < 84  # 99.9 % of χ² with 48 degrees of freedom


def test_offsets_may_differ_by_axis():
    draws = draw_offsets(KEY, 500, (0, -1), (4, 1))
    assert set(draws[:, 0]) == set(range(5))
    assert set(draws[:, 1]) == {-1, 0, 1}


@pytest.mark.parametrize(
    "draw", [lambda n: draw_offsets(KEY, n, -3, 3)] + [lambda n: draw_ring(KEY, n, 2)]
)
def test_an_example_keeps_its_offset_however_many_there_are(draw):
    np.testing.assert_array_equal(draw(50)[:7], draw(7))


@pytest.mark.parametrize("distance", [1, 3])
def test_the_ring_is_uniform_and_complete(distance):
    draws = draw_ring(KEY, 800 * distance, distance)
    assert (np.abs(draws).max(1) == distance).all()
    places, counts = np.unique(draws, axis=0, return_counts=True)
    assert len(places) == 8 * distance
    assert counts.min() > 60  # 100 expected, 4 standard deviations


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("move", [circular, zero])
def test_along_an_axis_of_one_pixel_nothing_moves(images, axis, move):
    lines = jnp.asarray(np.take(images, [2], 1 + axis))
    other = OFFSETS * (np.arange(2) != axis)
    moved = move(lines, jnp.asarray(OFFSETS))
    np.testing.assert_array_equal(moved, move(lines, jnp.asarray(other)))
    assert not np.array_equal(moved[1], lines[1])
