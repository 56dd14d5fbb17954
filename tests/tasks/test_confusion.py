"""Counts of label maps and IoU against scikit-learn, erosion, and single images."""

import numpy as np
import pytest
from scipy.ndimage import binary_erosion
from sklearn.metrics import confusion_matrix, jaccard_score

from research.tasks.confusion import (
    count_boundary_overlaps,
    count_confusion,
    count_overlaps,
    divide,
    iou,
    mean_present,
    near_contour,
)

rng = np.random.default_rng(0)
CLASSES, IGNORE = 4, 255


def draw_maps(shape, classes=CLASSES, cell=3):
    """Label maps of patches, so that masks have an inside."""
    count, height, width = shape
    coarse = rng.integers(0, classes, (count, height // cell + 1, width // cell + 1))
    fine = coarse.repeat(cell, 1).repeat(cell, 2)[:, :height, :width]
    return fine.astype(np.uint8)


LABELS, PREDICTED = draw_maps((5, 11, 14)), draw_maps((5, 11, 14), cell=4)
LABELS[0, :4] = LABELS[2, 5, 3:9] = IGNORE
KNOWN = LABELS != IGNORE
OVERLAPS = count_overlaps(LABELS, PREDICTED, CLASSES, IGNORE)


def test_the_confusion_matrix_is_that_of_scikit_learn():
    found = count_confusion(LABELS, PREDICTED, CLASSES, IGNORE)
    np.testing.assert_array_equal(
        found, confusion_matrix(LABELS[KNOWN], PREDICTED[KNOWN])
    )
    total = OVERLAPS.sum(0)
    np.testing.assert_array_equal(total[:, 0], np.diag(found))
    np.testing.assert_array_equal(total[:, 1], found.sum(1))
    np.testing.assert_array_equal(total[:, 2], found.sum(0))


def test_iou_is_the_jaccard_score_of_the_whole_set():
    each = iou(OVERLAPS.sum(0))
    wanted = jaccard_score(LABELS[KNOWN], PREDICTED[KNOWN], average=None)
    np.testing.assert_allclose(each, wanted)
    assert mean_present(each) == pytest.approx(wanted.mean())
    single = mean_present(iou(OVERLAPS)).mean()
    assert abs(single - wanted.mean()) > 0.01  # the mean over images is another number


def test_a_class_counts_if_labels_or_predictions_have_it():
    labels = np.array([[[0, 0, 1, 255]]], np.uint8)
    predicted = np.array([[[0, 2, 1, 3]]], np.uint8)
    each = iou(count_overlaps(labels, predicted, 5, IGNORE).sum(0))
    # 3 was predicted where there is no label, and nothing has 4.
    np.testing.assert_array_equal(each, [0.5, 1, 0, np.nan, np.nan])
    assert mean_present(each) == 0.5
    assert np.isnan(mean_present(np.full(3, np.nan)))
    assert np.isnan(divide(np.array(0), np.array(0)))


@pytest.mark.parametrize("distance", [1, 2, 4])
def test_the_contour_is_what_erosion_takes_away(distance):
    maps = draw_maps((3, 24, 26), cell=12)
    near = near_contour(maps, distance)
    square = np.ones((1, 3, 3))
    for one in range(CLASSES):
        mask = maps == one
        left = binary_erosion(mask, square, iterations=distance)  # zeros outside
        np.testing.assert_array_equal(near & mask, mask & ~left)
    assert 0.1 < near.mean() < 0.9


@pytest.mark.parametrize("distance", [1, 2])
def test_boundary_iou_is_that_of_what_erosion_takes_away(distance):
    labels, predicted = (np.where(KNOWN, one, -1) for one in (LABELS, PREDICTED))
    square, wanted = np.ones((1, 3, 3)), []
    for one in range(CLASSES):
        parts = [
            (mask := maps == one) & ~binary_erosion(mask, square, iterations=distance)
            for maps in (labels, predicted)
        ]
        wanted.append((parts[0] & parts[1]).sum() / (parts[0] | parts[1]).sum())
    counts = count_boundary_overlaps(LABELS, PREDICTED, CLASSES, IGNORE, distance)
    np.testing.assert_allclose(iou(counts.sum(0)), wanted)
    assert counts.shape == (5, CLASSES, 3)


def test_pixels_without_a_label_change_nothing():
    noise = np.where(KNOWN, PREDICTED, rng.integers(0, CLASSES, LABELS.shape))
    noise = noise.astype(np.uint8)
    for count, more in ((count_overlaps, []), (count_boundary_overlaps, [1])):
        counts = [count(LABELS, p, CLASSES, IGNORE, *more) for p in (PREDICTED, noise)]
        np.testing.assert_array_equal(*counts)
        right = np.where(KNOWN, LABELS, noise)
        perfect = iou(count(LABELS, right, CLASSES, IGNORE, *more).sum(0))
        np.testing.assert_array_equal(perfect, np.ones(CLASSES))
