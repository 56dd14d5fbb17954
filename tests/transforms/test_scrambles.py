"""Scrambles keep every value, move whole blocks, and treat each example by itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.errors import UserError
from research.transforms.scrambles import (
    Patches,
    PixelsWithin,
    draw_orders,
    draw_seeds,
    permute_blocks,
    permute_within,
)

SEEDS = jnp.asarray(draw_seeds(0, 3))
IMAGES = np.random.default_rng(1).random((3, 6, 8, 2), np.float32)
X = jnp.asarray(IMAGES)


def test_blocks_land_where_the_orders_say():
    orders = np.asarray(draw_orders(SEEDS, 1, 12))[:, 0]
    moved = np.asarray(permute_blocks(X, jnp.asarray(orders), 2))
    for image, result, order in zip(IMAGES, moved, orders, strict=True):
        for place, source in enumerate(order):
            (y, x), (v, u) = divmod(place, 4), divmod(int(source), 4)
            np.testing.assert_array_equal(
                result[2 * y : 2 * y + 2, 2 * x : 2 * x + 2],
                image[2 * v : 2 * v + 2, 2 * u : 2 * u + 2],
            )


def test_places_move_inside_their_block():
    orders = np.asarray(draw_orders(SEEDS, 4, 12))
    moved = np.asarray(permute_within(X, jnp.asarray(orders), (3, 4)))
    for b, y, x in np.ndindex(3, 2, 2):
        block = np.s_[b, 3 * y : 3 * y + 3, 4 * x : 4 * x + 4]
        expected = IMAGES[block].reshape(12, 2)[orders[b, 2 * y + x]]
        np.testing.assert_array_equal(moved[block].reshape(12, 2), expected)


def test_what_no_block_covers_stays():
    order = jnp.tile(jnp.array([1, 0]), (3, 1))
    moved = np.asarray(permute_blocks(X, order, (6, 3)))
    expected = IMAGES[:, :, [3, 4, 5, 0, 1, 2, 6, 7]]
    np.testing.assert_array_equal(moved, expected)


@pytest.mark.parametrize("scramble", [Patches(3, 4), PixelsWithin(3, 4)])
def test_every_pixel_survives(scramble):
    moved = np.asarray(jax.jit(scramble)(X, SEEDS))
    assert (moved != IMAGES).any((1, 2, 3)).all()

    def pixels(images):  # both channels of a pixel move together
        whole = images.reshape(3, -1, 2)
        order = np.argsort(whole[..., 0], axis=1)
        return np.take_along_axis(whole, order[..., None], 1)

    np.testing.assert_array_equal(pixels(moved), pixels(IMAGES))
    alone = scramble(X[1:2], SEEDS[1:2])
    np.testing.assert_array_equal(moved[1:2], alone)


def test_pixels_keep_the_global_layout():
    moved = np.asarray(PixelsWithin(3, 4)(X, SEEDS))
    blocks = (3, 2, 3, 2, 4, 2)
    means = IMAGES.reshape(blocks).mean((2, 4))
    np.testing.assert_allclose(moved.reshape(blocks).mean((2, 4)), means, rtol=1e-5)


def test_one_patch_or_one_pixel_is_the_identity():
    for scramble in (Patches(1, 1), PixelsWithin(1, 1)):
        np.testing.assert_array_equal(scramble(X, SEEDS), IMAGES)


def test_orders_are_uniform_and_do_not_depend_on_their_number():
    np.testing.assert_array_equal(draw_seeds(5, 4), draw_seeds(5, 9)[:4])
    orders = np.asarray(draw_orders(jnp.asarray(draw_seeds(0, 3000)), 2, 3))
    codes = (orders @ [9, 3, 1]).reshape(-1)
    _, times = np.unique(codes, return_counts=True)
    assert times.size == 6
    assert abs(times - 1000).max() < 5 * np.sqrt(1000)
    same = (orders[:, 0] == orders[:, 1]).all(1).mean()
    assert abs(same - 1 / 6) < 5 * np.sqrt(5 / 36 / 3000)


@pytest.mark.parametrize("scramble", [Patches(4, 4), PixelsWithin(3, 3)])
def test_what_does_not_divide_is_named(scramble):
    with pytest.raises(UserError, match=r"6×8.*eval\.scramble\."):
        scramble(X, SEEDS)
