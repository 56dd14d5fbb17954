"""Faces: the same parts in other slots, and nothing else that tells."""

import hashlib
from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import combinations

import numpy as np
import pytest
from building import load
from scipy import ndimage
from sklearn.cluster import MiniBatchKMeans
from sklearn.linear_model import LogisticRegression

from research.data.builders import faces
from research.data.builders.faces import (
    INTACT,
    JUMBLED,
    PITCH,
    TILE,
    draw_example,
    pairs,
    styles,
)
from research.errors import UserError


@cache
def drawn():
    return [draw_example("train", index) for index in range(1200)]


def crops(image, boxes):
    return [image[top:bottom, left:right] for top, left, bottom, right in boxes]


def test_a_jumbled_face_has_the_tiles_of_the_intact_one_and_nothing_more():
    for face, order in drawn()[:50]:
        clean = replace(face, noise=np.zeros((64, 64)))
        images = {o: clean.render(o) for o in (INTACT, order)}
        parts = {o: crops(image, clean.boxes(o)) for o, image in images.items()}
        for part, moved in zip(*parts.values(), strict=True):
            assert part.shape == (TILE, TILE, 1) and part.max() > 100
            np.testing.assert_array_equal(part, moved)
        for o, image in images.items():
            assert image.sum() == sum(part.sum(dtype=int) for part in parts[o])
        assert (images[INTACT] != images[order]).any()


def test_no_window_of_a_part_sees_two_parts():
    for face, order in drawn()[:200]:
        seen = np.zeros((64, 64), int)
        for top, left, bottom, right in face.boxes(order):
            mask = np.zeros((64, 64), bool)
            mask[top:bottom, left:right] = True
            seen += ndimage.maximum_filter(mask, TILE, mode="constant")
        assert seen.max() == 1


def labelled():
    """1,200 faces, every other one jumbled."""
    orders = [order if i % 2 else INTACT for i, (_, order) in enumerate(drawn())]
    images = [f.render(o)[..., 0] for (f, _), o in zip(drawn(), orders, strict=True)]
    boxes = [f.boxes(o) for (f, _), o in zip(drawn(), orders, strict=True)]
    return np.stack(images) / 255, np.stack(boxes), np.arange(1200) % 2


def accuracy(features, labels):
    model = LogisticRegression(max_iter=2000).fit(features[:600], labels[:600])
    return (model.predict(features[600:]) == labels[600:]).mean()


@pytest.mark.slow  # fits classifiers to thousands of patches
def test_a_bag_of_part_sized_patches_is_at_chance_and_a_look_at_the_slots_is_not():
    images, boxes, labels = labelled()
    windows = np.lib.stride_tricks.sliding_window_view(images, (TILE, TILE), (1, 2))
    windows = windows[:, ::3, ::3].reshape(1200, -1, TILE * TILE)
    inked = windows.max(-1) > 0.4
    words = MiniBatchKMeans(48, random_state=0, n_init=1).fit(
        windows[:200][inked[:200]]
    )
    bags = np.zeros((1200, 48))
    owner = np.nonzero(inked)[0]
    np.add.at(bags, (owner, words.predict(windows[inked])), 1)
    chance = 4 * 0.5 / np.sqrt(600)
    assert abs(accuracy(bags, labels) - 0.5) < chance
    # The same bag knows very well which parts there are.
    persons = np.array([face.person for face, _ in drawn()])
    assert accuracy(bags, persons) > 0.8
    # Parts told apart by slot, from top to bottom, are enough.
    parts = []
    for image, four in zip(images, boxes, strict=True):
        order = np.lexsort((four[:, 1], four[:, 0] // (PITCH // 2 + 1)))
        parts.append(np.concatenate([c.ravel() for c in crops(image, four[order])]))
    assert accuracy(np.stack(parts), labels) > 0.8


def test_the_place_of_a_part_on_the_canvas_does_not_tell_its_slot():
    _, boxes, _ = labelled()
    corners = np.stack([face.boxes(INTACT)[:, :2] for face, _ in drawn()])
    reach = np.ptp(corners, axis=(0))
    assert (reach[:, 0] > PITCH).all() and (reach[:, 1] > 16).all()
    assert boxes.min() >= 0 and boxes.max() <= 64


def test_no_part_tells_who_and_any_two_do():
    table = [styles(person) for person in range(faces.PERSONS)]
    for kind in (0, 2, 3):
        assert set(Counter(row[kind] for row in table).values()) == {2}
    for two in combinations((0, 2, 3), 2):
        assert len({tuple(row[kind] for kind in two) for row in table}) == 8
    tiles = [faces.tile(s, size=1, ink=1) for kind in faces.KINDS[1:] for s in kind]
    for a, b in combinations(tiles, 2):
        assert np.linalg.norm(a - b) > 2


def test_jumbled_orders_are_not_faces():
    assert len(JUMBLED) == 22 and INTACT not in JUMBLED and (1, 0, 2, 3) not in JUMBLED
    times = Counter(order for _, order in drawn())
    assert set(times) == set(JUMBLED)


def test_faces_are_the_same_forever():
    intact, jumbled, labels = pairs(8)
    digest = hashlib.sha256(intact.tobytes() + jumbled.tobytes() + labels.tobytes())
    assert digest.hexdigest()[:16] == "b5cc791d2bb34ade"
    np.testing.assert_array_equal(pairs(3)[1], jumbled[:3])
    assert (draw_example("train", 0)[0].noise != draw_example("test", 0)[0].noise).any()
    with pytest.raises(UserError, match=r"eval\.part\.examples=2001"):
        pairs(2001)


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(faces, "SIZES", {"train": 12, "validation": 4, "test": 6})


def test_who(few, tmp_path):
    data = load("faces", dir=tmp_path)
    test = data.split("test")
    intact, _, labels = pairs(6)
    ours = {image.tobytes(): label for image, label in zip(intact, labels, strict=True)}
    stored = {
        image.tobytes(): label
        for image, label in zip(test.images, test.labels, strict=True)
    }
    assert stored == ours
    assert len(data.split("train")) == 12


@pytest.mark.parametrize("option", ["faces", "faces_jumbled"])
def test_faces_come_with_their_parts(few, tmp_path, option):
    assert sorted(load("faces_jumbled", dir=tmp_path).split("train").labels) == (
        6 * [0] + 6 * [1]
    )
    for name in faces.SIZES:
        split = load(option, dir=tmp_path, test_split=name).split("test")
        assert len(split) == faces.SIZES[name]
        for i, image in enumerate(split.images):
            jumbled = tuple(split["order"][i].tolist()) in JUMBLED
            expected = split["person"][i] if option == "faces" else jumbled
            assert split.labels[i] == expected
            for part in crops(image, split["box"][i]):
                assert part.shape == (TILE, TILE, 1) and part.max() > 100


def test_another_shape_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"data\.shape=\[32,32,1\]: .*set data\.sh"):
        load("faces", dir=tmp_path, shape=[32, 32, 1])


def test_another_number_of_classes_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"data\.classes=8: .*set data\.classes=2"):
        load("faces_jumbled", dir=tmp_path, classes=8)


def test_label_maps_say_where_each_part_is(tmp_path, monkeypatch):
    monkeypatch.setattr(faces, "SIZES", {"train": 20, "test": 20})
    plain, masked = (load(one, dir=tmp_path) for one in ("faces", "faces_parts"))
    with_maps, without = masked.split("train"), plain.split("train")
    np.testing.assert_array_equal(with_maps.images, without.images)
    assert "mask" not in without.arrays
    for mask, boxes in zip(with_maps["mask"], with_maps["box"], strict=True):
        assert (mask > 0).sum() == 4 * TILE**2
        for part, (top, left, bottom, right) in enumerate(boxes, 1):
            assert (mask[top:bottom, left:right] == part).all()


def test_faces_without_label_maps_take_no_number_of_their_classes(tmp_path):
    with pytest.raises(UserError, match=r"data\.mask_classes=5: .* set .*=null"):
        load("faces", dir=tmp_path, mask_classes=5)
