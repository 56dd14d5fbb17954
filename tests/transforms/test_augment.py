"""Augmentation: what it keeps, what it covers, and what its draws depend on."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.distributed import devices
from research.errors import UserError
from research.nn.signal import shift as circular_shift
from research.transforms.augment import augment_images as augment

SHIFT = 2
KEY = jax.random.key(0)
IMAGES = jax.random.uniform(jax.random.key(1), (512, 6, 5, 2)) + 0.1
DOTS = jnp.zeros((512, 6, 5, 1)).at[:, 2, 2].set(1)  # at least SHIFT from the border

circular = jax.jit(partial(augment, shift=SHIFT))
zero = jax.jit(partial(augment, shift=SHIFT, border="zero"))
flipped = jax.jit(partial(augment, flip=True))


def offsets(moved):
    """(dy, dx) of each dot."""
    return np.argwhere(np.asarray(moved[..., 0]))[:, 1:] - 2


def test_a_circular_shift_keeps_every_pixel_and_is_that_of_signal():
    moved = circular(IMAGES, KEY)
    reference = circular_shift(IMAGES, jnp.asarray(offsets(circular(DOTS, KEY))))
    np.testing.assert_array_equal(moved, reference)


def test_a_crop_is_the_circular_shift_with_the_wrapped_part_empty():
    moved, wrapped = np.asarray(zero(IMAGES, KEY)), np.asarray(circular(IMAGES, KEY))
    for image, whole, (dy, dx) in zip(
        moved, wrapped, offsets(zero(DOTS, KEY)), strict=True
    ):
        kept = np.zeros((6, 5, 1), bool)
        kept[max(dy, 0) : 6 + min(dy, 0), max(dx, 0) : 5 + min(dx, 0)] = True
        np.testing.assert_array_equal(image, np.where(kept, whole, 0))


def test_every_offset_comes_equally_often():
    seen = np.concatenate(
        [offsets(circular(DOTS, key)) for key in jax.random.split(KEY, 20)]
    )
    counts = np.histogram2d(*seen.T, bins=np.arange(-SHIFT, SHIFT + 2) - 0.5)[0]
    expected = len(seen) / (2 * SHIFT + 1) ** 2
    assert counts.sum() == len(seen)
    assert ((counts - expected) ** 2 / expected).sum() < 51.2  # χ², 24 d.f., p = .001


def test_half_of_the_images_are_mirrored():
    mirrored = np.all(flipped(IMAGES, KEY) == IMAGES[:, :, ::-1], (1, 2, 3))
    kept = np.all(flipped(IMAGES, KEY) == IMAGES, (1, 2, 3))
    assert np.all(mirrored ^ kept)
    assert abs(mirrored.mean() - 0.5) < 0.075  # 3.4 σ
    moved = offsets(jax.jit(partial(augment, shift=SHIFT, flip=True))(DOTS, KEY))
    assert np.abs(np.corrcoef(mirrored, moved[:, 0])[0, 1]) < 0.15  # independent draws


def test_no_augmentation_is_the_identity():
    np.testing.assert_array_equal(augment(IMAGES, KEY), IMAGES)


def test_stored_pixels_keep_their_type_and_move_alike():
    pixels = jnp.round(IMAGES * 100).astype(jnp.uint8)
    moved = circular(pixels, KEY)
    assert moved.dtype == jnp.uint8
    np.testing.assert_array_equal(moved, circular(pixels.astype(jnp.float32), KEY))


def test_a_draw_depends_on_key_and_place_alone():
    moved = circular(IMAGES, KEY)
    np.testing.assert_array_equal(circular(IMAGES[:128], KEY), moved[:128])
    other = jnp.concatenate([IMAGES[:1], IMAGES[:0:-1]])
    np.testing.assert_array_equal(circular(other, KEY)[0], moved[0])
    assert not np.array_equal(circular(IMAGES, jax.random.key(5)), moved)
    assert len(np.unique(offsets(circular(DOTS, KEY)), axis=0)) == 25


def test_the_devices_change_nothing():
    mesh = devices.mesh(512)
    assert mesh.size == 2
    moved = circular(devices.shard(IMAGES, mesh), KEY)
    np.testing.assert_array_equal(moved, circular(IMAGES, KEY))


def test_mistakes_are_named():
    with pytest.raises(UserError, match="augment.shift=-1"):
        augment(IMAGES, KEY, shift=-1)
