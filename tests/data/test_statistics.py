"""Mean and std: recorded, taken where none is given, compared where some are."""

import numpy as np
import pytest
from building import encoded, load, prepare

from research.data import statistics
from research.errors import UserError

RNG = np.random.default_rng(3)
TOY = {"name": "toy", "classes": 2, "shape": [4, 4, 3]}


@pytest.fixture
def toy(tmp_path):
    """The keys of a prepared data set of six pictures, and their pixels."""
    pixels = RNG.integers(0, 100, (6, 4, 4, 3), np.uint8)
    for split in ("train", "test"):
        for number, image in enumerate(pixels):
            folder = tmp_path / "tree" / split / "ab"[number % 2]
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number}.png").write_bytes(encoded(image))
    where = {"dir": tmp_path / "data"} | TOY
    prepare("folder", manual_dir=tmp_path / "tree", **where)
    return where, pixels / 255


def test_null_takes_what_is_recorded(toy, capsys):
    where, pixels = toy
    data = load("folder", **where)
    np.testing.assert_allclose(data.mean, pixels.mean((0, 1, 2)), atol=1e-4)
    np.testing.assert_allclose(data.std, pixels.std((0, 1, 2)), atol=1e-4)
    assert load("folder", mean=[0.2], **where).mean == (0.2,)
    assert load("folder", mean=[0.2], **where).std == data.std
    assert capsys.readouterr().err == ""


def test_others_are_said_once(toy, capsys):
    where, _ = toy
    for _ in range(2):
        load("folder", mean=[0.9], std=[0.11], **where)
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert (
        "far from data.mean=[0.9] data.std=[0.11]" in said and "data.mean=null" in said
    )


@pytest.mark.parametrize(
    ("mean", "std", "far"),
    [
        ([0.3, 0.3, 0.3], [0.2, 0.2, 0.2], False),
        ([0.35], [0.3], False),
        ([0.45], [0.2], True),
        ([0.3, 0.3, 0.1], [0.2], True),
        ([0.3], [0.05], True),
        ([0.3], [0.5], True),
        ([0.3, 0.3], [0.2], False),  # of two channels: refused with the network
    ],
)
def test_far_is_half_a_deviation_or_a_factor_of_two(mean, std, far):
    recorded = {"mean": [0.3, 0.3, 0.3], "std": [0.2, 0.2, 0.2]}
    assert statistics.is_far({"mean": mean, "std": std}, recorded) == far


def test_images_of_one_value_have_no_deviation(tmp_path):
    for split in ("train", "test"):
        for name in "ab":
            (tmp_path / "tree" / split / name).mkdir(parents=True)
            grey = encoded(np.full((4, 4, 3), 9, np.uint8))
            (tmp_path / "tree" / split / name / "0.png").write_bytes(grey)
    where = {"dir": tmp_path / "data"} | TOY
    prepare("folder", manual_dir=tmp_path / "tree", **where)
    with pytest.raises(UserError, match=r"data.std=null.*give data.std=\[1\]"):
        load("folder", **where)
    assert load("folder", std=[1], **where).std == (1,)
