"""A window that moves over its canvas: what lies in it moves with it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.errors import UserError
from research.transforms.windows import move_windows

N, SIZE, WINDOW = 40, 12, 6


def batch():
    rng = np.random.default_rng(0)
    canvas = rng.integers(0, 256, (N, SIZE, SIZE, 2), np.uint8)
    corner = rng.integers(0, SIZE - WINDOW + 1, (N, 2)).astype(np.int32)
    image = np.stack([cut(c, at) for c, at in zip(canvas, corner, strict=True)])
    return {
        "image": jnp.asarray(image / np.float32(255)),
        "label": jnp.arange(N),
        "mask": jnp.asarray(image[..., 0]),
        "position": jnp.full((N, 2), 2.5),
        "box": jnp.tile(jnp.array([1, 2, 4, 5]), (N, 1)),
        "canvas": jnp.asarray(canvas),
        "canvas_mask": jnp.asarray(canvas[..., 0]),
        "corner": jnp.asarray(corner),
    }


def cut(canvas, corner):
    top, left = corner
    return canvas[top : top + WINDOW, left : left + WINDOW]


def test_images_and_masks_are_windows_at_the_new_corner():
    given = batch()
    moved = move_windows(given, jax.random.key(0), shift=3)
    corners = np.asarray(moved["corner"])
    assert (corners >= 0).all() and (corners <= SIZE - WINDOW).all()
    steps = corners - np.asarray(given["corner"])
    assert np.abs(steps).max() == 3 and set(np.unique(steps)) == set(range(-3, 4))
    for i in range(N):
        expected = cut(np.asarray(given["canvas"][i]), corners[i])
        np.testing.assert_allclose(moved["image"][i], expected / 255, rtol=1e-6)
        np.testing.assert_array_equal(moved["mask"][i], expected[..., 0])
    np.testing.assert_array_equal(moved["position"], given["position"] - steps)
    np.testing.assert_array_equal(moved["box"], given["box"] - np.tile(steps, 2))
    np.testing.assert_array_equal(moved["label"], given["label"])


def test_no_shift_changes_nothing():
    given = batch()
    still = move_windows(given, jax.random.key(0), shift=0)
    for name, rows in given.items():
        np.testing.assert_allclose(still[name], rows, rtol=1e-6)


def test_a_draw_depends_on_the_key_and_the_place_in_the_batch_alone():
    given = batch()
    few = {name: rows[:5] for name, rows in given.items()}
    one, two = (move_windows(b, jax.random.key(1))["corner"] for b in (given, few))
    np.testing.assert_array_equal(one[:5], two)
    other = move_windows(given, jax.random.key(2))["corner"]
    assert (one != other).any()


def test_data_without_a_canvas_are_refused():
    with pytest.raises(UserError, match="augment=window .* only image, label: use"):
        move_windows({k: batch()[k] for k in ("image", "label")}, jax.random.key(0))
