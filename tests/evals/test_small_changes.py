"""Small changes: rows against NumPy on classifiers whose answers are known."""

import numpy as np
from known import PLACE, ink, measure, pixel, split, sure, table

from research import config
from research.data.split import Split
from research.evals.changes import Change, Changes, moves_pixels
from research.tasks.segmentation import Segmentation
from research.transforms.distortions import brighten, rotate

SPLIT = split()


def test_brightness_of_one_pixel():
    images = (SPLIT.images * np.linspace(0.2, 1, len(SPLIT))[:, None, None, None]) + 0.5
    grey = Split.labelled(images.astype(np.uint8), SPLIT.labels)
    kinds = {"brightness": Change(brighten, [0.0, 0.3, 1.0])}
    rows = table(measure(Changes(kinds, batch=8), pixel, grey))
    before = grey.images[:, PLACE[0], PLACE[1], 0] / 255
    top = before > 0.5
    worst = top == SPLIT.labels
    for amount in (0.0, 0.3, 1.0):
        after = np.minimum(before + amount, 1)
        same, right = (after > 0.5) == top, (after > 0.5) == SPLIT.labels
        name = f"brightness,amount={amount}"
        found = rows[f"{name}/agreement"].arrays["examples"]
        np.testing.assert_array_equal(found, same)
        found = rows[f"{name}/accuracy"].arrays["examples"]
        np.testing.assert_array_equal(found, right)
        mac = np.abs(sure(after - 0.5) - sure(before - 0.5))
        found = rows[f"{name}/mac"].arrays["examples"]
        np.testing.assert_allclose(found, mac, atol=1e-6)
        logits, moved = np.abs(before - 0.5), np.abs(after - before)
        found = rows[f"{name}/relative_logit_distance"].arrays["examples"]
        np.testing.assert_allclose(found, moved / logits, rtol=1e-4)
        worst &= right
    found = rows["brightness,amounts=[0.0, 0.3, 1.0]/worst_accuracy"]
    np.testing.assert_array_equal(found.arrays["examples"], worst)
    assert 0 < rows["brightness,amount=0.3/agreement"].value < 1


def test_a_half_turn_keeps_the_ink_and_moves_the_pixel():
    kinds = {"rotation": Change(rotate, [180.0])}
    rows = table(Changes(kinds)(ink, SPLIT))
    assert rows["rotation,amount=180.0/agreement"].value == 1
    rows = table(Changes(kinds)(pixel, SPLIT))
    turned = SPLIT.images[:, ::-1, ::-1]
    same = (turned == SPLIT.images)[:, PLACE[0], PLACE[1], 0]
    found = rows["rotation,amount=180.0/agreement"].arrays["examples"]
    np.testing.assert_array_equal(found, same)


def test_kinds_that_move_pixels_are_recognised():
    (evaluator,) = config.evals(config.compose("eval=changes")).values()
    moving = {name for name, one in evaluator.changes.items() if moves_pixels(one)}
    assert moving == {"rotation", "scale", "elastic"}
    assert not moves_pixels(Change(rotate, [0.0]))
    assert moves_pixels(Change(rotate, [0.0, -1.0]))


def test_label_maps_are_not_compared_with_what_was_moved():
    images = SPLIT.images
    masks = Split({"image": images, "mask": images[..., 0] // 255})

    def threshold(images):
        value = np.asarray(images)[..., 0] - 0.5
        return np.stack([-value, value], -1)

    kinds = {"rotation": Change(rotate, [5.0]), "light": Change(brighten, [0.2])}
    rows = table(Changes(kinds, task=Segmentation())(threshold, masks))
    (skipped,) = (row for row in rows.values() if row.protocol == "rotation")
    assert skipped.measure == "skipped" and "moves pixels" in skipped.method
    assert rows["light,amount=0.2/agreement"].value == 1
    assert rows["light,amounts=[0.2]/worst_pixel_accuracy"].value == 1
