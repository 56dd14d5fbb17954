"""eval=segmentation: what is yielded, its intervals, constant maps, and refusals."""

import numpy as np
import pytest
from sklearn.metrics import jaccard_score

from research.data.split import Split
from research.errors import UserError
from research.evals.segmentation import Segmentation, suggest_distance
from research.tasks import segmentation as tasks

rng = np.random.default_rng(0)
SHAPE, CLASSES = (20, 12, 16), 3
MASK = rng.integers(0, CLASSES, (20, 6, 8)).repeat(2, 1).repeat(2, 2).astype(np.uint8)
MASK[:3, 0] = 255
IMAGES = np.where(rng.random(SHAPE) < 0.8, MASK, 1).clip(0, 2)[..., None] * 100
SPLIT = Split({"image": IMAGES.astype(np.uint8), "mask": MASK})


def read_classes(images):
    """The class that a pixel's value stands for, as logits."""
    place = np.rint(np.asarray(images) * 2.55)
    return -np.abs(place - np.arange(CLASSES))


def constant(images):
    return np.broadcast_to([0.0, 1.0, 0.0], (*np.shape(images)[:3], 3))


def measure(predict, split=SPLIT, **given):
    evaluator = Segmentation(task=tasks.Segmentation(), **given)
    evaluator.check(predict, split)
    return {one.key: one for one in evaluator(predict, split)}


def test_it_is_one_iou_over_the_whole_set():
    found = measure(read_classes, batch=8)
    known = MASK != 255
    labels, predicted = MASK[known], IMAGES[..., 0][known] // 100
    each = jaccard_score(labels, predicted, average=None)
    for one in range(CLASSES):
        key = f"segmentation,class={one}/iou"
        assert found[key].value == pytest.approx(each[one])
    assert found["segmentation/mean_iou"].value == pytest.approx(each.mean())
    right = (labels == predicted).mean()
    assert found["segmentation/pixel_accuracy"].value == pytest.approx(right)
    boundary = found["segmentation,distance=1/boundary_iou"]
    assert 0.3 < boundary.value < 1
    for one in found.values():
        assert one.n == 20 and one.interval == "bootstrap over examples"
        assert one.low < one.value < one.high


def test_the_interval_covers_sets_drawn_anew():
    """About 95 of 100 samples of ten images cover the value of all of them."""
    images = np.where(rng.random((400, 8, 8)) < rng.random((400, 1, 1)), 0, 1)
    mask = np.zeros((400, 8, 8), np.uint8)
    split = Split({"image": (100 * images[..., None]).astype(np.uint8), "mask": mask})
    whole = measure(read_classes, split)["segmentation/pixel_accuracy"].value
    covered = 0
    for start in range(0, 400, 40):
        one = measure(read_classes, split.rows(start, start + 40))
        one = one["segmentation/pixel_accuracy"]
        covered += one.low <= whole <= one.high
    assert covered >= 8


def test_pictures_and_the_confusion_are_kept():
    kept = measure(read_classes, pictures=2)["segmentation/mean_iou"].arrays
    assert kept["confusion"].sum() == (MASK != 255).sum()
    np.testing.assert_array_equal(kept["images"], IMAGES[:2])
    np.testing.assert_array_equal(kept["masks"], MASK[:2])
    np.testing.assert_array_equal(kept["predictions"], IMAGES[:2, ..., 0] // 100)
    assert kept["predictions"].dtype == np.uint8


def test_a_constant_map_scores_what_the_docstring_says():
    found = measure(constant)
    known = MASK != 255
    share = (MASK[known] == 1).mean()
    assert found["segmentation/pixel_accuracy"].value == pytest.approx(share)
    assert found["segmentation/mean_iou"].value == pytest.approx(share / CLASSES)
    whole = measure(constant, SPLIT.rows(3, None))  # where every pixel has a label
    frame = np.ones(SHAPE[1:], bool)
    frame[1:-1, 1:-1] = False
    mask = MASK[3:]
    of_class = (frame & (mask == 1)).sum()
    padded = np.pad(mask, ((0, 0), (1, 1), (1, 1)), constant_values=9)
    around = [padded[:, y : y + 12, x : x + 16] for y in range(3) for x in range(3)]
    contour = ((mask == 1) & np.any([a != 1 for a in around], 0)).sum()
    wanted = of_class / (17 * frame.sum() + contour - of_class)
    key = "segmentation,class=1,distance=1/boundary_iou"
    assert whole[key].value == pytest.approx(wanted)
    mean = whole["segmentation,distance=1/boundary_iou"].value
    assert mean == pytest.approx(wanted / CLASSES)


def test_right_everywhere_is_1_without_an_interval():
    split = Split({"image": (MASK.clip(0, 2) * 100)[..., None], "mask": MASK})
    for one in measure(read_classes, split).values():
        assert one.value == 1 and one.low is one.high is None, one.key


def test_classes_that_nothing_has_have_no_row():
    found = measure(lambda x: np.pad(read_classes(x), [(0, 0)] * 3 + [(0, 2)]) - 9)
    assert "segmentation,class=2/iou" in found
    assert "segmentation,class=4/iou" not in found


@pytest.mark.parametrize("size, distance", [((8, 8), 1), ((32, 32), 1), ((128, 96), 3)])
def test_the_distance_is_2_percent_of_the_diagonal(size, distance):
    assert suggest_distance(size) == distance


def test_wrong_data_are_refused():
    with pytest.raises(UserError, match="eval=segmentation .* have only image"):
        measure(read_classes, Split({"image": SPLIT.images}))
    masks = np.where(MASK == 2, 7, MASK)
    with pytest.raises(UserError, match="the label 7, and the network has 3 classes"):
        measure(read_classes, Split({"image": SPLIT.images, "mask": masks}))
    with pytest.raises(UserError, match="eval=segmentation .*set task=segmentation"):
        Segmentation().check(read_classes, SPLIT)
    with pytest.raises(UserError, match=r"returned an array \(20, 3\)"):
        measure(lambda images: np.zeros((len(images), 3)))
    with pytest.raises(UserError, match="predict: .* returned NaN"):
        measure(lambda images: np.full((len(images), 12, 16, 3), np.nan, np.float32))
