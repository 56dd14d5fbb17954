"""Images go to the devices once, however often they are evaluated."""

from functools import partial

import numpy as np
import pytest
from orbits import network

from research.data.split import Split, read_only
from research.distributed import devices, memory
from research.downsample import keep
from research.evals.engine import batches
from research.evals.engine.batches import Kept
from research.evals.engine.orbits import brute_force
from research.evals.engine.predictor import Predictor
from research.evals.orbit import Orbit
from research.evals.shift import Shift

RNG = np.random.default_rng(0)


@pytest.fixture
def split():
    images = RNG.integers(0, 256, (11, 5, 6, 1), np.uint8)
    return Split.labelled(images, RNG.integers(0, 4, 11).astype(np.int32))


@pytest.fixture
def transfers(monkeypatch):
    """Counts the arrays of images that are put on the devices."""
    counted, shard = [], devices.shard

    def count(tree, over):
        if isinstance(tree, np.ndarray) and tree.ndim == 4:
            counted.append(len(tree))
        return shard(tree, over)

    monkeypatch.setattr(batches.devices, "shard", count)
    return counted


@pytest.fixture
def net():
    return network((5, 6), partial(keep), padding="zero")


def test_many_shifts_take_one_transfer_a_batch(split, net, transfers):
    rows = list(Shift(max_shift=2, distances=2, batch=4)(net, split))
    assert len(rows) > 10 and transfers == [4, 4, 4]


def test_brute_force_takes_one_transfer_of_each_image(split, net, transfers):
    list(Orbit(method="brute", block=4, batch=48)(net, split))
    assert transfers[:3] == [4, 4, 4]  # blocks, of 30 shifts each; then unshifted ones
    assert len(transfers) <= 5


def test_rolls_on_the_devices_keep_to_the_batch(split, net):
    seen = []

    def classify(images):
        seen.append(len(images))
        return images.reshape(len(images), -1)[:, :3]

    found = brute_force(Predictor(classify, batch=13), split.images)
    assert set(seen) == {12}
    for dy, dx in ((0, 0), (2, 5)):
        rolled = np.roll(split.images, (dy, dx), (1, 2)).reshape(11, -1)[:, :3]
        np.testing.assert_allclose(found[:, dy, dx], rolled / 255, atol=1e-6)


def test_a_column_of_shifts_keeps_its_axis(net):
    images = RNG.integers(0, 256, (3, 4, 1, 1), np.uint8)
    found = brute_force(Predictor(lambda x: x.reshape(len(x), -1)), images)
    assert found.shape == (3, 4, 1, 4)


def test_other_images_are_never_taken_for_the_kept_ones(split):
    place = Kept(devices.mesh(4))
    for array in (split.images, split.images[2:], split.images[:, ::-1], split.images):
        np.testing.assert_array_equal(place(array, 0, 4), array[:4])
    np.testing.assert_array_equal(place(split.images, 8, 4)[:3], split.images[8:])


def test_what_can_be_written_to_is_read_again(split):
    place, array = Kept(devices.mesh(4)), split.images.copy()
    before = np.array(place(array, 0, 4))
    array[0] += 1
    assert not np.array_equal(place(array, 0, 4), before)


def test_what_does_not_fit_is_not_kept(split, transfers, monkeypatch):
    monkeypatch.setattr(batches, "share", lambda mesh: 8)
    place = Kept(devices.mesh(4))
    assert place(split.images, 0, 4) is not place(split.images, 0, 4)
    assert transfers == [4, 4]


def test_what_is_kept_stays_although_it_leaves_less_memory_free(
    split, transfers, monkeypatch
):
    free = iter([split.images.nbytes, 0, 0, 0])
    monkeypatch.setattr(batches, "share", lambda mesh: next(free))
    place = Kept(devices.mesh(1))
    first = [place(split.images, start, 4) for start in (0, 4, 8)]
    again = [place(split.images, start, 4) for start in (0, 4, 8)]
    assert all(a is b for a, b in zip(first, again, strict=True))
    assert transfers == [4, 4, 4]
    place(read_only(split.images[:, ::-1]), 0, 4)  # another asks anew: no room
    assert transfers == 4 * [4] and next(free) == 0


def test_a_split_cannot_be_written_to_and_its_source_can():
    images = np.zeros((2, 3, 3, 1), np.uint8)
    split = Split({"image": images})
    for rows in (split.images, split.first(1).images, read_only(images)):
        with pytest.raises(ValueError, match="read-only"):
            rows[0] = 1
    images[0] = 1
    assert np.shares_memory(images, split.images)


@pytest.mark.parametrize(
    "statistics, share",
    [
        ([None], 512 * 2**20),
        ([{"num_allocs": 3}], 512 * 2**20),
        ([{"bytes_limit": 80, "bytes_in_use": 16}], 8),
        ([{"bytes_limit": 80, "bytes_in_use": n} for n in (0, 40)], 5),
        ([{"bytes_limit": 8, "bytes_in_use": 16}], 0),
    ],
)
def test_a_purpose_takes_its_share_of_the_fullest_device(statistics, share):
    assert memory.share_of(statistics) == share
