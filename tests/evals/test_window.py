"""Windows of larger images, on classifiers whose answers are known."""

import networks
import numpy as np
import pytest
from known import PLACE, ink, measure, pixel, scene_split, split, table

from research.data.source import Dataset
from research.data.split import Split
from research.errors import UserError
from research.evals.engine.windows import draw_places
from research.evals.window import Window

M = 2
SPLIT = split(examples=30, shape=(10, 12, 1))


def dataset(canvas):
    return Dataset("views", "1.0.0", (14, 12, 1), 2, {"test": lambda: canvas})


def seen(place):
    """What `pixel` says of the window at a corner of each image."""
    y, x = (np.asarray(place) + PLACE).T
    return SPLIT.images[np.arange(30), y, x, 0] > 127


@pytest.mark.parametrize("larger", [False, True])
def test_windows_show_what_is_there(larger):
    evaluator = Window(dataset(SPLIT) if larger else None, max_shift=M, batch=8)
    # the network's images: as large as a window, or as the canvas
    small = split(5, shape=(6, 8, 1)) if larger else SPLIT
    rows = table(measure(evaluator, pixel, small))
    for distance in (1, 2, 3):
        one = rows[f"window,distance={distance}/agreement"]
        first, second = one.arrays["offsets"].swapaxes(0, 1)
        assert (np.abs(second - first).max(1) == distance).all()
        np.testing.assert_array_equal(
            one.arrays["examples"], seen(first) == seen(second)
        )
        assert one.method == "real content: windows of 6×8 in 10×12" and one.n == 30
    still = seen((M, M))
    around = np.array(
        [[seen((M - dy, M - dx)) for dx in range(-M, M + 1)] for dy in range(-M, M + 1)]
    )
    whole = rows[f"window,max_shift={M}/worst_agreement"].arrays
    np.testing.assert_allclose(whole["map"], (around == still).mean(2))
    right = around == SPLIT.labels
    near = rows[f"window,grid=neighbours,max_shift={M}/worst_accuracy"].arrays
    neighbours = right[M - 1 : M + 2, M - 1 : M + 2].reshape(9, 30)
    expected = np.delete(neighbours, 4, 0).all(0)
    np.testing.assert_array_equal(near["examples"], expected)
    mean = rows[f"window,max_shift={M}/accuracy"]
    np.testing.assert_allclose(mean.arrays["examples"], right.mean((0, 1)), rtol=1e-6)
    crops = rows[f"window,grid=crop,max_shift={M}/worst_accuracy"].arrays["examples"]
    np.testing.assert_array_equal(crops, right[:-1, :-1].all((0, 1)))


def test_confidence_is_of_the_class_that_the_first_window_has():
    def three(images):
        return np.asarray(images)[:, 0, :3, 0] * np.array([1.0, 2.0, 3.0])

    one = table(measure(Window(max_shift=M, batch=8), three, SPLIT))
    rows = np.arange(30)
    for distance in (1, 2, 3):
        offsets = one[f"window,distance={distance}/agreement"].arrays["offsets"]
        first, second = (
            three(
                np.stack(
                    [
                        SPLIT.images[i, y : y + 6, x : x + 8]
                        for i, (y, x) in enumerate(places)
                    ]
                )
                / 255
            )
            for places in offsets.swapaxes(0, 1)
        )
        top = first.argmax(1)
        before, after = (
            np.exp(logits)[rows, top] / np.exp(logits).sum(1)
            for logits in (first, second)
        )
        found = one[f"window,distance={distance}/mac"].arrays["examples"]
        np.testing.assert_allclose(found, abs(after - before), atol=1e-6)


@pytest.mark.parametrize("distance", [1, 3, 4])
def test_both_windows_lie_within_the_canvas(distance):
    room = np.array([4, 7])
    first, second = draw_places(0, 4000, distance, room)
    for places in (first, second):
        assert (places >= 0).all() and (places <= room).all()
        assert (places.min(0) == 0).all() and (places.max(0) == room).all()
    np.testing.assert_array_equal(first[:9], draw_places(0, 9, distance, room)[0])


def test_embeddings_of_networks_of_ours_are_compared():
    images = np.full((4, 10, 12, 1), 100, np.uint8)
    even = Split.labelled(images, np.zeros(4, np.int32))
    network = networks.of([networks.Brighter()], (10, 12, 1), pool=networks.mean)
    rows = table(measure(Window(max_shift=M), network, even))
    assert rows["window,distance=1/embedding_change"].value == pytest.approx(0)
    rows = table(measure(Window(max_shift=M), network, SPLIT))
    near = rows[f"window,grid=neighbours,max_shift={M}/embedding_change"]
    assert 0 < near.value < 0.2


def test_who_takes_no_other_size_is_refused_beforehand():
    flat = networks.of([networks.Keep()], (10, 12, 1))
    with pytest.raises(UserError, match="windows of 6×8 out of images of 10×12"):
        Window(max_shift=M).check(flat, SPLIT)
    Window(dataset(split(shape=(14, 16, 1))), max_shift=M).check(flat, SPLIT)


def test_a_canvas_that_is_too_small_or_of_other_channels_is_refused():
    with pytest.raises(UserError, match=r"eval\.window\.max_shift=3: takes windows"):
        Window(dataset(SPLIT)).check(ink, split(shape=(8, 12, 1)))
    with pytest.raises(UserError, match=r"eval\.window\.max_shift=5: takes windows"):
        Window(max_shift=5).check(ink, SPLIT)
    with pytest.raises(UserError, match=r"eval\.window\.canvas=1 channels: takes"):
        Window(dataset(SPLIT)).check(ink, split(shape=(4, 4, 3)))


def test_windows_farther_apart_than_the_canvas_allows_are_refused():
    with pytest.raises(UserError, match=r"distances=7: takes at most 6 with these"):
        Window(distances=7).check(ink, SPLIT)
    with pytest.raises(UserError, match=r"distances=3: takes at most 2 with these"):
        views = Window(dataset(split(shape=(8, 14, 1))), max_shift=1)
        views.check(ink, split(shape=(6, 12, 1)))


def test_data_that_keep_their_canvases_move_their_own_windows():
    corners = np.random.default_rng(0).integers(2, 3, (30, 2)).astype(np.int32)
    corners[:, 0] = 2
    scenes = scene_split(SPLIT, corners)
    evaluator = Window(max_shift=M, distances=2, batch=8)
    evaluator.check(pixel, scenes)
    rows = table(measure(evaluator, pixel, scenes))
    one = rows["window,distance=2/agreement"]
    first, second = one.arrays["offsets"].swapaxes(0, 1)
    np.testing.assert_array_equal(first, corners)
    assert (np.abs(second - first).max(1) == 2).all()
    np.testing.assert_array_equal(one.arrays["examples"], seen(first) == seen(second))
    around = np.array(
        [
            [seen(corners - [dy, dx]) for dx in range(-M, M + 1)]
            for dy in range(-M, M + 1)
        ]
    )
    whole = rows[f"window,max_shift={M}/worst_agreement"].arrays
    np.testing.assert_allclose(whole["map"], (around == seen(corners)).mean(2))


def test_windows_stay_on_the_canvases_of_the_data():
    corners = np.tile(np.array([[2, 1]], np.int32), (30, 1))
    scenes = scene_split(SPLIT, corners)
    with pytest.raises(UserError, match=r"eval\.window\.max_shift=2: takes windows"):
        Window(max_shift=2, distances=1).check(pixel, scenes)
    with pytest.raises(UserError, match=r"distances=2: takes at most 1 with these"):
        Window(max_shift=1, distances=2).check(pixel, scenes)


def test_paths_go_right_and_down_through_the_centre():
    corners = np.full((30, 2), 2, np.int32)
    scenes = scene_split(SPLIT, corners)
    evaluator = Window(max_shift=0, distances=0, path=3, batch=8)
    rows = table(measure(evaluator, pixel, scenes))
    for direction in ((0, 1), (1, 0)):
        frames = [seen(corners + step * np.array(direction)) for step in range(-1, 3)]
        changed = np.array([a != b for a, b in zip(frames, frames[1:], strict=False)])
        row = rows[f"window,direction={list(direction)},path=3/flip_rate"]
        np.testing.assert_allclose(row.arrays["examples"], changed.mean(0))
        np.testing.assert_allclose(row.arrays["steps"], changed.mean(1))
    assert len(rows) == 4  # no grid, no distances: flips and top-5 distances
    with pytest.raises(UserError, match=r"path=5: takes at most 4, since 3 steps"):
        Window(max_shift=0, distances=0, path=5).check(pixel, scenes)


def test_windows_may_be_scaled_after_they_are_cut():
    canvases = split(30, (20, 24, 1))
    corners = np.full((30, 2), 4, np.int32)
    scenes = scene_split(canvases, corners, (12, 16))
    size = np.tile(np.array([[12, 16]], np.int32), (30, 1))
    small = np.zeros((30, 6, 8, 1), np.uint8)
    scaled = Split({**scenes.arrays, "image": small, "window": size})
    asked = []

    def ask(images):
        asked.append(np.array(images))
        return pixel(images)

    rows = table(measure(Window(max_shift=1, distances=2, batch=30), ask, scaled))
    (still, *_) = asked
    assert still.shape == (30, 6, 8, 1)
    blocks = scenes.images.reshape(30, 6, 2, 8, 2, 1) / 255
    inner = blocks.mean(
        (2, 4)
    )  # a bilinear window of half the size is wider than a box
    assert np.corrcoef(still.ravel(), inner.ravel())[0, 1] > 0.8
    method = "real content: windows of 12×16 in 20×24, scaled to 6×8"
    assert rows["window,distance=2/agreement"].method == method
    moves = [np.abs(one - still).max() for one in asked[1:]]
    assert min(moves) > 0.1
