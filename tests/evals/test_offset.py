"""The offset probe: maps that tell an offset or hide it, cells, seeds, controls."""

from dataclasses import replace

import jax.numpy as jnp
import networks
import numpy as np
import pytest
from flax import nnx

from research.data.builders.scenes import CANVAS, WINDOW
from research.data.split import Split
from research.downsample import Downsample
from research.downsample.reduce import Max
from research.errors import UserError
from research.evals.engine.probe import (
    Budget,
    ask_probe,
    draw_orders,
    fit_probe,
    standardize,
    to_cells,
)
from research.evals.offset import Offset, choose_inks, draw_scenes

SHAPE = (WINDOW, WINDOW, 1)
BUDGET = Budget(width=16, steps=150, minibatch=64, learning_rate=0.01)
SMALL = Offset(images=48, examples=40, width=4, steps=2, minibatch=16)
rng = np.random.default_rng(0)


def known(count=6):
    """Masks with an object each, as data=scenes keeps them."""
    masks = np.zeros((count, CANVAS, CANVAS), np.uint8)
    for number, mask in enumerate(masks):
        mask[12 : 26 + number % 3, 14:24] = 1
        mask[12:20, 18:20] = 0
    images = np.zeros((count, *SHAPE), np.uint8)
    return Split({"image": images, "canvas_mask": masks})


def fit_and_score(maps, offsets):
    """Accuracy on the second half of maps, of 16 classes."""
    half = len(maps) // 2
    train, test = maps[:half].copy(), maps[half:].copy()
    standardize(train, test)
    probe = fit_probe(train, offsets[:half], 16, BUDGET, seed=0)
    return (ask_probe(probe, test, 50) == offsets[half:]).mean()


def test_a_map_that_tells_the_offset_is_read():
    offsets = rng.integers(0, 16, 1600).astype(np.int32)
    maps = rng.normal(0, 0.02, (1600, 8, 8, 16)).astype(np.float32)
    cells = rng.integers(1, 7, (2, 1600))
    maps[np.arange(1600), *cells, offsets] += 3  # in a cell within
    assert fit_and_score(maps, offsets) == 1


def test_a_map_that_is_the_same_for_all_offsets_is_read_at_chance():
    offsets = rng.integers(0, 16, 2000).astype(np.int32)
    maps = rng.normal(0, 0.1, (2000, 8, 8, 16)).astype(np.float32)
    maps[np.arange(2000), *rng.integers(0, 8, (2, 2000)), 3] += 3
    assert fit_and_score(maps, offsets) == pytest.approx(1 / 16, abs=0.03)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_point_is_read_from_a_map_of_high_resolution(stride):
    places = rng.integers(0, 32, (800, 2))
    maps = np.zeros((800, 32, 32, 1), np.float32)
    maps[np.arange(800), *places.T, 0] = 1
    offsets = (places % 4 @ [4, 1]).astype(np.int32)
    if stride == 2:  # each value in a channel of its own
        maps = to_cells(maps, (2, 2))
    assert fit_and_score(to_cells(maps, (4 // stride,) * 2), offsets) > 0.97


def test_cells_hold_their_blocks():
    maps = rng.normal(size=(3, 9, 8, 5)).astype(np.float32)
    cells = to_cells(maps, (4, 2))
    assert cells.shape == (3, 2, 4, 40)
    for row, column in np.ndindex(2, 4):
        block = maps[:, 4 * row : 4 * row + 4, 2 * column : 2 * column + 2]
        np.testing.assert_array_equal(cells[:, row, column], block.reshape(3, -1))


def test_channels_are_standardised_by_the_first_maps():
    maps = rng.normal(5, 3, (40, 4, 4, 3)).astype(np.float32)
    maps[..., 2] = 0.1
    first, second = maps[:30].copy(), maps[30:].copy()
    standardize(first, second)
    np.testing.assert_allclose(first.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(first.std((0, 1, 2)), [1, 1, 0], atol=1e-5)
    scale = maps[:30].std((0, 1, 2))[0]
    by_hand = (maps[30:, ..., 0] - maps[:30, ..., 0].mean()) / scale
    np.testing.assert_allclose(second[..., 0], by_hand, atol=1e-4)
    assert not second[..., 2].any()


def test_an_epoch_has_each_example_once():
    orders = draw_orders(12, 4, seed=0)
    epochs = [np.concatenate([next(orders) for _ in range(3)]) for _ in range(2)]
    for epoch in epochs:
        assert sorted(epoch) == list(range(12))
    assert (epochs[0] != epochs[1]).any()


@pytest.mark.parametrize("modulus", [(4, 4), (2, 8), (3, 5)])
def test_scenes_show_the_object_where_their_class_says_and_classes_are_balanced(
    modulus,
):
    inks = [np.ones((5, 3))]  # a bar of 15×9 pixels
    count = 600
    images, classes = draw_scenes("test", count, inks, 15, 1, modulus, seed=0)
    assert images.shape == (count, *SHAPE) and images.dtype == np.uint8
    counts = np.bincount(classes, minlength=modulus[0] * modulus[1])
    expected = count / len(counts)
    assert np.abs(counts - expected).max() < 5 * np.sqrt(expected)
    for image, one in zip(images[:, :, :, 0].astype(int), classes, strict=True):
        bars = np.lib.stride_tricks.sliding_window_view(image, (15, 9))
        flat = bars.max((2, 3)) - bars.min((2, 3))
        row, column = divmod(int(flat.argmin()), flat.shape[1])
        assert (row % modulus[0]) * modulus[1] + column % modulus[1] == one


def test_few_scenes_are_the_first_of_many_of_both_parts():
    inks = [np.ones((5, 3))]
    few = draw_scenes("train", 5, inks, 15, 3, (4, 4), seed=3)
    many = draw_scenes("train", 9, inks, 15, 3, (4, 4), seed=3)
    np.testing.assert_array_equal(few.images, many.images[:5])
    np.testing.assert_array_equal(few.classes, many.classes[:5])
    others = draw_scenes("test", 5, inks, 15, 3, (4, 4), seed=3)
    assert (few.images != others.images).mean() > 0.9


def test_objects_are_cut_out_of_the_masks_by_seed():
    inks = choose_inks(known(), 6, seed=0)
    heights = sorted(ink.shape[0] for ink in inks)
    assert heights == [14, 14, 15, 15, 16, 16] and inks[0].shape[1] == 10
    assert all(not ink[:8, 4:6].any() and ink[8:].all() for ink in inks)
    masks = known().arrays["canvas_mask"].copy()
    masks[:4, :, 18:] = 0  # strokes of 14 to 16 pixels by 4
    strokes = Split({"image": known().images, "canvas_mask": masks})
    kept = choose_inks(strokes, 2, seed=0)
    assert sorted(ink.shape for ink in kept) == [(15, 10), (16, 10)]
    shapes = {choose_inks(known(), 1, seed)[0].shape for seed in range(9)}
    assert len(shapes) > 1


def network():
    """conv – max 2×2 – conv – max 2×2."""
    rngs = nnx.Rngs(0)
    stages = [*networks.pooling(shape=SHAPE).stages, Downsample(6, 2, Max, rngs=rngs)]
    return networks.of(stages, SHAPE, pool=networks.mean)


def test_the_controls_are_there_and_the_seed_decides():
    rows = list(SMALL(network(), known()))
    assert [(row.params["of"], row.params["weights"]) for row in rows] == [
        ("pixels", "none"),
        ("map", "trained"),
        ("map", "untrained"),
    ]
    assert [row.params["index"] for row in rows] == [-1, 3, 3]
    for row in rows:
        assert row.key.startswith("offset,") and row.measure == "accuracy"
        assert row.n == 40 and row.arrays["examples"].shape == (40,)
        assert row.value == row.arrays["examples"].mean()
        assert 0 <= row.low <= row.value <= row.high <= 1
    for one, again in zip(rows, SMALL(network(), known()), strict=True):
        np.testing.assert_array_equal(one.arrays["answers"], again.arrays["answers"])
    other = list(replace(SMALL, seed=1)(network(), known()))
    for one, another in zip(rows, other, strict=True):
        assert (one.arrays["answers"] != another.arrays["answers"]).any()


def test_what_a_stage_forgets_is_not_read_and_the_pixels_are():
    evaluator = Offset(images=800, examples=200, width=16, steps=120, minibatch=64)
    forget = networks.of([networks.Forget()], SHAPE, pool=networks.mean)
    pixels, lost, _ = evaluator(forget, known())
    assert pixels.value > 0.7
    assert lost.value == pytest.approx(1 / 16, abs=0.08)


def test_another_map_can_be_read():
    rows = list(replace(SMALL, index=0)(network(), known()))
    assert [row.params["index"] for row in rows] == [-1, 0, 0]
    assert rows[1].params["part"] == "ConvNormAct"


@pytest.mark.parametrize(
    "settings, key",
    [
        ({"index": 4}, "index"),
        ({"objects": 7}, "objects"),
        ({"modulus": [4, 6]}, "modulus"),
        ({"modulus": [4]}, "modulus"),
        ({"modulus": [1, 4]}, "modulus"),
        ({"modulus": [10, 4]}, "modulus"),
        ({"size": 21}, "size"),
    ],
)
def test_what_cannot_be_done_is_named(settings, key):
    with pytest.raises(UserError, match=rf"eval\.offset\.{key}=.*: takes [^\n]+$"):
        Offset(**settings).check(network(), known())


def test_maps_smaller_than_a_cell_are_refused():
    class Corner(networks.Keep):
        def __call__(self, x):
            return x[:, :3, :3]

    small = networks.of([Corner()], SHAPE, pool=networks.mean)
    with pytest.raises(UserError, match=r"eval\.offset\.modulus=\[4, 4\]: takes"):
        Offset().check(small, known())
    Offset(modulus=(3, 3)).check(small, known())


def test_data_without_places_and_other_classifiers_are_refused():
    bare = Split({"image": known().images})
    with pytest.raises(UserError, match="eval=offset .* the data have image: choose"):
        Offset().check(network(), bare)
    with pytest.raises(UserError, match="eval=offset looks into the stages"):
        Offset().check(jnp.mean, known())
