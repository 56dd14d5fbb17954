"""Scenes: what lies on the canvas, and where the window is."""

import numpy as np
import pytest
from building import idx, load, prepare
from PIL import Image

from research import config
from research.data.builders import scenes
from research.data.builders.scenes import CANVAS, REACH, WINDOW, cut_ink, draw
from research.errors import UserError

INK = np.zeros((28, 28, 1), np.uint8)
INK[4:24, 11:17] = 200
DRAWN = [draw("train", number, cut_ink(INK)) for number in range(300)]


@pytest.fixture
def few(monkeypatch):
    """The sizes of a data set that is quick to draw."""
    monkeypatch.setattr(scenes, "SIZES", {"train": 60, "test": 20})


def test_every_window_within_reach_holds_the_whole_object():
    strays = []
    for scene in DRAWN:
        assert (scene.corner >= REACH).all()
        assert (scene.corner <= CANVAS - WINDOW - REACH).all()
        inside = scene.box - np.tile(scene.corner, 2)
        assert (inside[:2] >= REACH).all() and (inside[2:] <= WINDOW - REACH).all()
        sides = inside[2:] - inside[:2]
        assert 14 <= sides.max() <= 20
        strays.append(inside[:2] - (WINDOW - sides) // 2)
    assert np.abs(strays).max() == 4
    assert set(np.unique([scene.corner for scene in DRAWN])) == set(range(4, 13))


def test_the_object_stands_out_from_what_it_covers_and_all_else_is_a_photograph():
    lighter = 0
    for number, scene in enumerate(DRAWN[:100]):
        again = draw("train", number, cut_ink(INK))
        np.testing.assert_array_equal(again.canvas, scene.canvas)
        top, left, bottom, right = scene.box
        covered = scene.covered
        assert covered[top:bottom, left:right].sum() == covered.sum() > 0
        values = scene.canvas[covered].astype(int)
        assert np.ptp(values.mean(-1)) < 90  # ink of one value, edges mixed
        around = np.ones_like(covered)
        around[top:bottom, left:right] = False
        places = find(scene.canvas, around, scenes.photographs("train"))
        assert places
        photograph = places[0][top:bottom, left:right]
        contrast = values.mean() - photograph[covered[top:bottom, left:right]].mean()
        assert abs(contrast) > 0.3 * 255
        lighter += contrast > 0
    assert 20 < lighter < 80


def find(canvas, known, photographs):
    """The parts of photographs that agree with a canvas at its known pixels."""
    row, column = 0, 0  # a corner is never covered
    found = []
    for photograph in photographs:
        height, width = np.subtract(photograph.shape[:2], CANVAS) + 1
        starts = np.argwhere(
            (photograph[:height, :width] == canvas[row, column]).all(-1)
        )
        for top, left in starts:
            part = photograph[top : top + CANVAS, left : left + CANVAS]
            if (part[1] == canvas[1]).all() and (part[known] == canvas[known]).all():
                found.append(part)
    return found


def test_training_and_test_take_other_parts_of_the_photographs():
    for train, test in zip(*map(scenes.photographs, ("train", "test")), strict=True):
        assert train.shape[1] + test.shape[1] == 640
    scene = draw("test", 0, cut_ink(INK))
    around = np.ones((CANVAS, CANVAS), bool)
    around[scene.box[0] : scene.box[2], scene.box[1] : scene.box[3]] = False
    assert find(scene.canvas, around, scenes.photographs("test"))
    assert not find(scene.canvas, around, scenes.photographs("train"))


def test_an_image_is_the_window_of_its_canvas(few, tmp_path):
    grey = load("scenes", dir=tmp_path).split("train")
    colour = load("scenes", dir=tmp_path, shape=[32, 32, 3]).split("train")
    assert len(grey) == 60 and set(grey.labels) == set(range(10))
    for i in range(60):
        top, left = grey["corner"][i]
        window = np.s_[top : top + 32, left : left + 32]
        np.testing.assert_array_equal(grey["canvas"][i][window], grey.images[i])
        np.testing.assert_array_equal(grey["canvas_mask"][i][window], grey["mask"][i])
        luma = Image.fromarray(colour.images[i]).convert("L")
        np.testing.assert_array_equal(np.asarray(luma), grey.images[i, ..., 0])
        rows, columns = np.nonzero(grey["mask"][i])
        y, x = grey["position"][i]
        edges = grey["box"][i]
        assert edges[0] <= rows.min() and rows.max() < edges[2]
        assert edges[1] <= columns.min() and columns.max() < edges[3]
        assert (y, x) == ((edges[0] + edges[2] - 1) / 2, (edges[1] + edges[3] - 1) / 2)
    assert set(np.unique(grey["mask"])) == {0, 1}


def test_mean_and_deviation_are_those_of_its_config(monkeypatch):
    monkeypatch.setattr(scenes, "SIZES", {"train": 2000})
    _, images = zip(*scenes.draw_split("train", **parts()), strict=True)
    pixels = np.stack([one["image"] for one in images]) / 255
    cfg = config.compose("data=scenes").data
    assert abs(pixels.mean() - cfg.mean[0]) < 0.02
    assert abs(pixels.std() - cfg.std[0]) < 0.02


def parts():
    """The spec and the objects of the default scenes."""
    from research.data.source import describe

    cfg = config.compose("data=scenes").data
    settings = {k: v for k, v in cfg.items() if k not in ("builder", "stream")}
    return {
        "spec": describe(settings),
        "objects": config.build(cfg.builder.objects),
    }


def test_objects_of_another_data_set(few, tmp_path):
    with pytest.raises(UserError, match=r"data/objects=mnist: is not prepared.*=mnist"):
        load_with("mnist", tmp_path)
    rng = np.random.default_rng(0)
    for name, count in {"train": 70, "t10k": 30}.items():
        images = np.zeros((count, 28, 28), np.uint8)
        images[:, 4:24, 8:14] = rng.integers(100, 255, (count, 20, 6))
        labels = np.arange(count, dtype=np.uint8) % 10
        (tmp_path / f"{name}-images-idx3-ubyte").write_bytes(idx(images))
        (tmp_path / f"{name}-labels-idx1-ubyte").write_bytes(idx(labels))
    prepare("mnist", name="fashion_mnist", manual_dir=tmp_path, dir=tmp_path)
    split = load_with("fashion_mnist", tmp_path).split("train")
    assert len(split) == 60 and set(split.labels) == set(range(10))


def load_with(objects, folder):
    cfg = config.compose("data=scenes", f"data/objects={objects}", config="prepare")
    return config.build(cfg.data, dir=folder)


@pytest.mark.parametrize(
    "wrong", [{"shape": [48, 48, 1]}, {"classes": 11}, {"mask_classes": 11}]
)
def test_another_shape_is_refused(wrong, tmp_path):
    with pytest.raises(UserError, match=f"data.{next(iter(wrong))}="):
        load("scenes", dir=tmp_path, **wrong)
