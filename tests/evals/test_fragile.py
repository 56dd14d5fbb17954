"""The most fragile images, on classifiers whose answers are known."""

import numpy as np
import pytest
from known import PLACE, ink, measure, pixel, scene_split, split, sure, table

from research.data.split import Split
from research.errors import UserError
from research.evals.fragile import Fragile

SPLIT = split()
AROUND = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)]


def test_pixel():
    rows = table(measure(Fragile(keep=5, batch=8), pixel, SPLIT))
    seen = SPLIT.images[..., 0] > 127
    here = seen[:, *PLACE]
    around = np.stack([seen[:, PLACE[0] - y, PLACE[1] - x] for y, x in AROUND], 1)
    same = around == here[:, None]
    found = rows["fragile/agreement"]
    np.testing.assert_allclose(found.arrays["examples"], same.mean(1))
    worst = rows["fragile/worst_agreement"]
    np.testing.assert_array_equal(worst.arrays["examples"], same.all(1))

    kept = found.arrays
    first = np.flatnonzero(~same.all(1))[:5]  # all flips lose as much
    np.testing.assert_array_equal(kept["index"], first)
    np.testing.assert_array_equal(kept["images"], SPLIT.images[first])
    np.testing.assert_array_equal(kept["labels"], SPLIT.labels[first])
    np.testing.assert_array_equal(kept["unshifted"], here[first])
    np.testing.assert_array_equal(kept["shifted"], ~here[first])
    for image, offset, label in zip(
        kept["images"], kept["offsets"], kept["shifted"], strict=True
    ):
        moved = np.roll(image, offset, (0, 1))
        assert (moved[*PLACE, 0] > 127) == label
    for p in ("p_unshifted", "p_shifted"):
        np.testing.assert_allclose(kept[p], sure(0.5), rtol=1e-6)


def test_those_that_lose_most_come_first():
    def dim(images):  # brightness of one pixel as a probability
        value = np.asarray(images)[:, *PLACE, 0]
        return np.stack([0 * value, np.log(value + 1e-3) - np.log(1.001 - value)], -1)

    rng = np.random.default_rng(0)
    grey = Split.labelled(
        rng.integers(0, 256, SPLIT.images.shape, np.uint8), SPLIT.labels
    )
    found = table(Fragile(keep=8)(dim, grey))["fragile/agreement"].arrays
    still = np.where(found["unshifted"] == 1, 1, -1)
    moved = [
        np.roll(image, d, (0, 1))[*PLACE, 0]
        for image, d in zip(found["images"], found["offsets"], strict=True)
    ]
    before = found["images"][:, *PLACE, 0].astype(int)
    loss = still * (before - np.array(moved, int))
    assert (np.diff(loss) <= 0).all() and (loss > 0).all()


def test_ink_is_not_fragile():
    rows = table(Fragile()(ink, SPLIT))
    assert rows["fragile/agreement"].value == 1
    assert rows["fragile/agreement"].arrays["images"].shape == (0, 8, 12, 1)


def test_no_examples():
    with pytest.raises(UserError, match=r"eval\.fragile\.examples=0"):
        Fragile(examples=0)


class Named:
    """`pixel`, whose classes have names."""

    names = ("dark", "light")

    def __call__(self, images):
        return pixel(images)


def test_windows_show_real_content_and_need_no_label():
    canvases = split(30, (10, 12, 1))
    corners = np.full((30, 2), 2, np.int32)
    scenes = scene_split(canvases, corners)
    bare = Split({k: v for k, v in scenes.arrays.items() if k != "label"})
    rows = table(measure(Fragile(border="window", keep=6, batch=8), Named(), bare))
    seen = canvases.images[..., 0] > 127
    place = np.array(PLACE) + 2

    def at(offset):
        y, x = place - offset
        return seen[:, y, x]

    same = np.stack([at(offset) == at((0, 0)) for offset in AROUND], 1)
    row = rows["fragile,border=window/agreement"]
    np.testing.assert_allclose(row.arrays["examples"], same.mean(1))
    assert row.method == "real content: windows of 6×8 in 10×12"
    kept = row.arrays
    assert "labels" not in kept and len(kept["index"]) == 6
    for number, offset, moved, image in zip(
        *(kept[name] for name in ("index", "offsets", "moved", "images")), strict=True
    ):
        top, left = 2 - offset
        np.testing.assert_array_equal(
            moved, canvases.images[number, top : top + 6, left : left + 8]
        )
        np.testing.assert_array_equal(image, scenes.images[number])
    names = np.array(Named.names)
    np.testing.assert_array_equal(kept["shifted_name"], names[kept["shifted"]])
    np.testing.assert_array_equal(kept["unshifted_name"], names[kept["unshifted"]])


def test_windows_that_cannot_move_are_refused():
    with pytest.raises(UserError, match=r"eval\.fragile\.border=window: takes data"):
        Fragile(border="window").check(pixel, SPLIT)
    scenes = scene_split(split(9, (8, 12, 1)), np.tile(np.int32([0, 2]), (9, 1)))
    with pytest.raises(UserError, match=r"eval\.fragile\.border=window: takes data"):
        Fragile(border="window").check(pixel, scenes)
