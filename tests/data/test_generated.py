"""Drawn data sets: the same pixels, labels and order as ever; any arrays at all."""

import hashlib

import numpy as np
import pytest
from building import load
from tensorflow_datasets.core import hashing

from research.config import compose
from research.data import source
from research.data.generated import Generated, hash_number
from research.errors import UserError
from research.files import atomic

CHECKSUMS = {  # of what the first edition stored, through TFDS and PNG
    "digits": "5155637fc1a728ad",
    "faces": "5b805a878ce79cd6",
    "faces_jumbled": "f453fb81108a5c56",
    "marks": "f1b3cf4807987313",
}


@pytest.mark.parametrize(
    "option",
    [
        pytest.param(one, marks=pytest.mark.slow) if one.startswith("faces") else one
        for one in CHECKSUMS
    ],
)
def test_examples_and_their_order_are_those_of_the_first_edition(option, tmp_path):
    data = load(option, dir=tmp_path)
    digest = hashlib.sha256()
    for name in ("train", "test"):
        split = data.split(name)
        assert split.images.dtype == np.uint8 and split.labels.dtype == np.int32
        digest.update(split.images.tobytes() + split.labels.tobytes())
    assert digest.hexdigest()[:16] == CHECKSUMS[option]


def test_each_of_several_processes_makes_arrays_for_itself(tmp_path, monkeypatch):
    """Who is not the first writes no results, and needs data all the same."""
    monkeypatch.setattr(atomic, "writes", False)
    for _ in range(2):  # made, and read
        assert len(load("digits", dir=tmp_path).split("test")) == 360


def test_the_shuffle_is_that_of_tfds():
    for split in ("train", "test"):
        theirs = hashing.Hasher(split).hash_key
        ours = sorted(range(2000), key=lambda number: hash_number(split, number))
        assert ours == sorted(range(2000), key=theirs)
        assert ours[:20] != sorted(ours[:20])


def draw(split):
    """Bright squares whose pixels are class 1 of a mask; nothing has a label."""
    rng = np.random.default_rng(len(split))
    for number in range({"train": 20, "test": 7}[split]):
        top, left = rng.integers(0, 5, 2)
        mask = np.zeros((8, 9), np.uint8)
        mask[top : top + 3, left : left + 4] = 1
        image = (200 * mask[..., None] + number).astype(np.uint8)
        place = np.array([top + 1, left + 1.5], np.float32)
        yield number, {"image": image, "mask": mask, "position": place}


def squares(spec):
    return Generated(spec, "data=squares", {"train": 20, "test": 7}, draw)


def squared(folder, **changed):
    described = {"name": "squares", "version": "1.0.0", "shape": [8, 9, 1]}
    described |= {"classes": 2, "dir": folder, "builder": squares}
    return source.load(**described | changed)


def test_a_split_has_the_arrays_that_were_drawn_and_needs_no_labels(tmp_path):
    data = squared(tmp_path, validation_examples=5)
    kinds = {"image": "uint8", "mask": "uint8", "position": "float32"}
    for name, size in {"train": 15, "validation": 5, "test": 7}.items():
        split = data.split(name)
        assert {key: str(rows.dtype) for key, rows in split.arrays.items()} == kinds
        assert {len(rows) for rows in split.arrays.values()} == {size} == {len(split)}
        np.testing.assert_array_equal(split["mask"] == 1, split.images[..., 0] >= 200)
        with pytest.raises(UserError, match="have no label: there are image, mask, po"):
            _ = split.labels
    drawn = {int(image.min()) for image in split.images}
    assert drawn == set(range(7))


def test_a_drawn_data_set_is_made_once(tmp_path):
    before = squared(tmp_path).split("train")

    def never(split):
        raise AssertionError(split)

    again = squared(tmp_path, builder=lambda spec: Generated(spec, "", {}, never))
    for name, rows in again.split("train").arrays.items():
        np.testing.assert_array_equal(rows, before[name])


def test_a_drawn_data_set_is_not_streamed(tmp_path):
    with pytest.raises(UserError, match="take data/stream=none"):
        squared(tmp_path, stream=lambda *_, **__: None).split("train")


def test_keys_of_older_configs_are_passed_over(tmp_path):
    """Run folders hold them: `overrides` was for errors, `embedded` for the digits."""
    node = compose("data=digits", f"data.dir={tmp_path}").data
    assert not {"overrides", "embedded"} & node.keys()
    data = load("digits", dir=tmp_path, overrides="data=digits", embedded=True)
    assert len(data.split("test")) == 360


def test_a_data_set_without_training_images_is_named(tmp_path):
    def tests_alone(spec):
        return Generated(spec, "data=squares", {"test": 7}, draw)

    for stream in (None, lambda records, examples: None):
        with pytest.raises(UserError, match="no split 'train' of training images: it"):
            squared(tmp_path, builder=tests_alone, stream=stream)
