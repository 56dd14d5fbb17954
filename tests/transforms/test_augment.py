"""Augmentation: what it keeps, what moves with an image, what its draws depend on."""

import hashlib
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.distributed import devices
from research.errors import UserError
from research.nn.signal import MODES
from research.nn.signal import shift as circular_shift
from research.transforms.augment import augment

SHIFT = 2
KEY = jax.random.key(0)
IMAGES = jax.random.uniform(jax.random.key(1), (512, 6, 5, 2)) + 0.1
DOTS = jnp.zeros((512, 6, 5, 1)).at[:, 2, 2].set(1)  # at least SHIFT from the border


def images_of(**options):
    """The augmentation of a batch of images alone."""

    @jax.jit
    def moved(images, key):
        return augment({"image": images}, key, **options)["image"]

    return moved


circular = images_of(shift=SHIFT)
zero = images_of(shift=SHIFT, border="zero")
flipped = images_of(flip=True)


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
    moved = offsets(images_of(shift=SHIFT, flip=True)(DOTS, KEY))
    assert np.abs(np.corrcoef(mirrored, moved[:, 0])[0, 1]) < 0.15  # independent draws


def one_by_one(images, key, shift, border, flip):
    """What the first edition did: each image cut out of its padded self by itself."""

    def move(image, key):
        place, side = jax.random.split(key)
        top, left = jax.random.randint(place, (2,), 0, 2 * shift + 1)
        height, width = images.shape[1:3]
        image = jax.lax.dynamic_slice(image, (top, left, 0), (height, width, 2))
        return jnp.where(jax.random.bernoulli(side) & flip, image[:, ::-1], image)

    keys = [jax.random.fold_in(key, i) for i in range(len(images))]
    pads = ((0, 0), (shift, shift), (shift, shift), (0, 0))
    padded = jnp.pad(images, pads, MODES[border])
    return jnp.stack([move(*pair) for pair in zip(padded, keys, strict=True)])


@pytest.mark.parametrize("border", ["circular", "zero", "reflect"])
@pytest.mark.parametrize("flip", [False, True])
def test_images_are_those_of_the_first_edition_bit_by_bit(border, flip):
    few = IMAGES[:16]
    options = {"shift": SHIFT, "border": border, "flip": flip}
    moved = images_of(**options)(few, KEY)
    np.testing.assert_array_equal(moved, one_by_one(few, KEY, **options))


def test_draws_stay_the_same_forever():
    numbers = jnp.arange(64 * 30.0).reshape(64, 6, 5, 1)
    digest = hashlib.sha256()
    for border in ("circular", "zero", "reflect"):
        moved = augment({"image": numbers}, KEY, shift=2, border=border, flip=True)
        digest.update(np.asarray(moved["image"]).tobytes())
    assert digest.hexdigest()[:16] == "bcfdd943e52a76ef"


def labelled(images):
    """Images with a mask, a label, positions and boxes on them."""
    index = np.arange(len(images))
    corner = np.stack([1 + index % 3, index % 2], -1).astype(np.float32)
    box = np.stack([1 + index % 3, index % 2, 3 + index % 3, 2 + index % 2], -1)
    return {
        "image": images,
        "mask": jnp.round(images[..., 0] * 100).astype(jnp.uint8),
        "label": jnp.arange(len(images)),
        "position": jnp.asarray(corner),
        "box": jnp.asarray(box[:, None].astype(np.int32)),
    }


@pytest.mark.parametrize("border", ["circular", "zero", "reflect"])
@pytest.mark.parametrize("flip", [False, True])
def test_a_mask_moves_and_mirrors_with_its_image(border, flip):
    batch = labelled(IMAGES)
    moved = augment(batch, KEY, shift=SHIFT, border=border, flip=flip, ignore=7)
    assert moved["mask"].dtype == jnp.uint8
    shown = np.asarray(jnp.round(moved["image"][..., 0] * 100))  # at least 10 inside
    expected = np.where(shown == 0, 7, shown)
    np.testing.assert_array_equal(moved["mask"], expected)
    assert (moved["mask"] == 7).any() == (border == "zero")
    np.testing.assert_array_equal(moved["label"], batch["label"])
    alone = augment({"image": IMAGES}, KEY, shift=SHIFT, border=border, flip=flip)
    np.testing.assert_array_equal(moved["image"], alone["image"])


@pytest.mark.parametrize("kind", [jnp.float32, jnp.bool_])
def test_only_whole_numbers_are_ignored(kind):
    masks = jnp.ones((64, 6, 5), kind)
    batch = {"image": IMAGES[:64], "mask": masks}
    moved = augment(batch, KEY, shift=SHIFT, border="zero")
    assert moved["mask"].dtype == kind
    inside = (moved["image"] != 0).all(-1)
    np.testing.assert_array_equal(moved["mask"], inside.astype(kind))


@pytest.mark.parametrize("border", ["circular", "zero"])
@pytest.mark.parametrize("flip", [False, True])
def test_positions_and_boxes_stay_on_what_they_mark(border, flip):
    batch = labelled(jnp.zeros((256, 9, 8, 1)))
    box = np.asarray(batch["box"][:, 0])
    corner = np.asarray(batch["position"], int)
    painted = np.zeros((256, 9, 8, 2), np.float32)
    for image, (y, x), (top, left, bottom, right) in zip(
        painted, corner, box, strict=True
    ):
        image[y, x, 0] = 1
        image[top:bottom, left:right, 1] = 1
    batch["image"] = jnp.asarray(painted)
    moved = augment(batch, KEY, shift=SHIFT, border=border, flip=flip)
    size = np.array([9, 8])
    for image, place, (one,) in zip(
        np.asarray(moved["image"]),
        np.asarray(moved["position"]),
        np.asarray(moved["box"]),
        strict=True,
    ):
        found = np.argwhere(image[..., 0])
        if border == "circular" or (0 <= place).all() and (place < size).all():
            np.testing.assert_array_equal(found, [place])
        else:
            assert not len(found)
        inside = [(y, x) for y in range(one[0], one[2]) for x in range(one[1], one[3])]
        assert len(inside) == 4
        if border == "circular":
            seen = {(y % 9, x % 8) for y, x in inside}
        else:
            seen = {(y, x) for y, x in inside if 0 <= y < 9 and 0 <= x < 8}
        assert {tuple(pixel) for pixel in np.argwhere(image[..., 1])} == seen


def test_no_augmentation_is_the_identity():
    batch = labelled(IMAGES)
    batch["position"] = batch["position"] - 9  # of what is not there
    moved = augment(batch, KEY)
    assert moved.keys() == batch.keys()
    for name, rows in moved.items():
        np.testing.assert_array_equal(rows, batch[name])


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
    apply = jax.jit(partial(augment, shift=SHIFT, flip=True))
    batch = labelled(IMAGES)
    for name, rows in apply(devices.shard(batch, mesh), KEY).items():
        np.testing.assert_array_equal(rows, apply(batch, KEY)[name])


def test_mistakes_are_named():
    batch = labelled(IMAGES)
    with pytest.raises(UserError, match="augment.shift=-1"):
        augment(batch, KEY, shift=-1)
    with pytest.raises(UserError, match="augment.ignore=256: mask is uint8.* 0 to 255"):
        augment(batch, KEY, shift=1, border="zero", ignore=256)


def test_in_any_two_epochs_an_example_is_seen_both_ways():
    images = jnp.arange(64 * 3, dtype=jnp.float32).reshape(64, 1, 3, 1)
    draw = jax.random.bits(jax.random.key(3), 64)
    mirrored = []
    for epoch in range(4):
        batch = {"image": images, "draw": draw, "epoch": jnp.full(64, epoch, jnp.int32)}
        moved = augment(batch, jax.random.key(epoch), flip="alternating")["image"]
        mirrored.append(np.asarray(moved[:, 0, 0, 0] != images[:, 0, 0, 0]))
    assert 16 < mirrored[0].sum() < 48
    np.testing.assert_array_equal(mirrored[1], ~mirrored[0])
    np.testing.assert_array_equal(mirrored[2], mirrored[0])
    np.testing.assert_array_equal(mirrored[3], mirrored[1])


@pytest.mark.parametrize("border", ["zero", "reflect", "circular"])
def test_along_an_axis_of_one_pixel_nothing_is_shifted(border):
    count = 64
    places = np.stack([np.zeros(count, int), np.arange(count) % 8 + 8], 1)
    signals = jnp.zeros((count, 1, 24, 1)).at[np.arange(count), 0, places[:, 1]].set(1)
    boxes = np.tile([0, 3, 1, 5], (count, 1))
    batch = {"image": signals, "position": jnp.asarray(places, jnp.float32)}
    batch["box"] = jnp.asarray(boxes, jnp.int32)
    moved = augment(batch, KEY, shift=3, border=border)
    where = np.argwhere(np.asarray(moved["image"][..., 0]))
    np.testing.assert_array_equal(where[:, 0], np.arange(count), "none is lost")
    np.testing.assert_array_equal(where[:, 1:], moved["position"])
    assert set(where[:, 2] - places[:, 1]) == set(range(-3, 4))
    assert (moved["box"][:, [0, 2]] == np.array([0, 1])).all()
