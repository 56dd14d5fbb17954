"""Feeds: batches of all arrays of a split, the same from memory and from devices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.data.plan import Plan
from research.data.split import Split
from research.distributed import devices
from research.training.batches import Host, Resident, feed
from research.transforms.augment import augment

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(1, 256, (21, 6, 5, 1), np.uint8)
SPLITS = {
    "labels": Split.labelled(IMAGES, RNG.integers(0, 3, 21).astype(np.int32)),
    "masks": Split({"image": IMAGES, "mask": IMAGES[..., 0] // 2}),
    "images": Split({"image": IMAGES}),
}
PLAN = Plan(21, batch_size=8, epochs=2, seed=3)


@pytest.mark.parametrize("kind", [Resident, Host])
@pytest.mark.parametrize("name", SPLITS)
@pytest.mark.parametrize("start", [0, 3])
def test_a_batch_has_the_rows_of_the_plan_of_every_array(kind, name, start):
    split, mesh = SPLITS[name], devices.world(8)
    assert mesh.size == 2
    batches = list(kind(split, mesh).batches(PLAN, start, lambda: True))
    assert len(batches) == len(PLAN) - start == 4 - start
    for step, batch in enumerate(batches, start):
        assert isinstance(batch, dict)
        assert batch.keys() == split.arrays.keys() | {"index", "epoch"}
        np.testing.assert_array_equal(batch["index"], PLAN[step])
        np.testing.assert_array_equal(batch["epoch"], np.full(8, step // 2))
        for key, rows in [(key, batch[key]) for key in split.arrays]:
            np.testing.assert_array_equal(rows, split[key][PLAN[step]])
            assert rows.dtype == split[key].dtype
            assert [part.data.shape[0] for part in rows.addressable_shards] == [4, 4]


@pytest.mark.parametrize("kind", [Resident, Host])
@pytest.mark.parametrize("start", [0, 1])
def test_the_batches_of_a_dispatch_are_stacked(kind, start):
    split, mesh = SPLITS["masks"], devices.world(4)
    plan = Plan(21, batch_size=4, epochs=2, seed=3)  # five steps an epoch
    alone = list(kind(split, mesh).batches(plan, start, lambda: True))
    stacked = list(kind(split, mesh).batches(plan, start, lambda: True, 3))
    dispatches = list(plan.dispatches(start, 3))
    assert [len(steps) for steps in dispatches] == [3 - start, 2, 3, 2]
    assert [step for steps in dispatches for step in steps] == list(range(start, 10))
    for steps, several in zip(dispatches, stacked, strict=True):
        for key, rows in several.items():
            each = [alone[step - start][key] for step in steps]
            np.testing.assert_array_equal(rows, np.stack(each))
            assert rows.addressable_shards[0].data.shape[:2] == (len(steps), 2)


def test_a_mask_goes_through_a_feed_and_an_augmentation_with_its_image():
    mesh = devices.world(8)
    for batch in feed(SPLITS["masks"], mesh, device_bytes=0).batches(PLAN, 0, bool):
        unit = batch | {"image": batch["image"].astype(jnp.float32) / 255}
        moved = augment(unit, jax.random.key(1), shift=2, border="zero")
        grey = np.rint(np.asarray(moved["image"][..., 0]) * 255).astype(np.uint8)
        np.testing.assert_array_equal(moved["mask"], np.where(grey, grey // 2, 255))
        assert (grey == 0).any()


def test_all_arrays_of_a_split_count_towards_the_devices_memory():
    split, mesh = SPLITS["masks"], devices.world(8)
    size = 2 * IMAGES.nbytes
    assert split.nbytes == size
    assert isinstance(feed(split, mesh, device_bytes=size), Resident)
    assert isinstance(feed(split, mesh, device_bytes=size - 1), Host)
