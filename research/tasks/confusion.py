"""Measures of label maps over a whole set: counts of pixels, and IoU. Pure NumPy.

Counts are kept for each example, so that sums over any examples are at hand: IoU is a
ratio of sums over the whole set, never a mean of the ratios of single images.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int, Integer, Real

LabelMaps = Integer[np.ndarray, "examples height width"]
Pixels = Bool[np.ndarray, "examples height width"]
# Of each class: pixels that both maps give it, that the labels do, the predictions do.
Overlaps = Int[np.ndarray, "examples classes 3"]
Numbers = np.ndarray | np.generic  # what a sum over all axes is, too
NOWHERE = -1  # the class of pixels without a label


def count_confusion(
    labels: LabelMaps, predicted: LabelMaps, classes: int, ignore: int
) -> Int[np.ndarray, "classes classes"]:
    """Returns how many pixels with the label of a row are given the class of a column.

    Args:
      labels: (N, H, W).
      predicted: (N, H, W), each below K.
      classes: K.
      ignore: the label of pixels that are left out.
    """
    known = labels != ignore
    cells = labels[known].astype(np.int64) * classes + predicted[known]
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)


def count_overlaps(
    labels: LabelMaps, predicted: LabelMaps, classes: int, ignore: int
) -> Overlaps:
    """Returns the terms of IoU of each example, (N, K, 3).

    Args:
      labels: (N, H, W).
      predicted: (N, H, W), each below K.
      classes: K.
      ignore: the label of pixels that are left out.
    """
    known = labels != ignore
    return _count(labels, predicted, known, known, classes)


def count_boundary_overlaps(
    labels: LabelMaps, predicted: LabelMaps, classes: int, ignore: int, distance: int
) -> Overlaps:
    """Returns the terms of boundary IoU of each example, (N, K, 3).

    Of each mask only the pixels within d of its own contour count, see `near_contour`.
    Pixels without a label belong to no class in either map, so that predictions equal
    to the labels score 1 whatever they say there.

    Args:
      labels: (N, H, W).
      predicted: (N, H, W), each below K.
      classes: K.
      ignore: the label of pixels that are left out.
      distance: d, pixels.

    References:
      B. Cheng et al., Boundary IoU, CVPR 2021, arXiv:2103.16562.
    """
    known = labels != ignore
    labels, predicted = (
        np.where(known, one, NOWHERE).astype(np.int32) for one in (labels, predicted)
    )
    near, close = (known & near_contour(one, distance) for one in (labels, predicted))
    return _count(labels, predicted, near, close, classes)


def near_contour(maps: LabelMaps, distance: int) -> Pixels:
    """Returns which pixels lie within d of the contour of the mask of their class.

    Those that an erosion of the mask by d pixels (d times by 3×3) takes away: within
    max(|dy|, |dx|) ≤ d there is another class, or the outside of the image, whose
    border counts as contour, as in the authors' code.

    Args:
      maps: (N, H, W).
      distance: d, pixels.
    """
    inside = np.ones(maps.shape, bool)
    for axis in (1, 2):  # first columns, then rows of such columns, are of one class
        around = [(0, 0)] * 3
        around[axis] = (distance, distance)
        wide, same = np.pad(maps, around), np.pad(inside, around)
        for start in range(2 * distance + 1):
            place = [slice(None)] * 3
            place[axis] = slice(start, start + maps.shape[axis])
            # What was padded is False in `same`, whatever its class.
            inside = inside & same[tuple(place)] & (wide[tuple(place)] == maps)
    return ~inside


def iou(overlaps: Real[np.ndarray, "*sums 3"]) -> Float[np.ndarray, "*sums"]:
    """Returns intersection over union; NaN where neither map has the class.

    Args:
      overlaps: terms as of `count_overlaps`, summed over examples.
    """
    shared, labelled, predicted = np.moveaxis(overlaps, -1, 0)
    return divide(shared, labelled + predicted - shared)


def mean_present(
    each: Float[np.ndarray, "*sums classes"],
) -> Float[np.ndarray, "*sums"]:
    """Returns the mean over the classes that there are; NaN where there is none."""
    there = ~np.isnan(each)
    return divide(np.where(there, each, 0).sum(-1), there.sum(-1))


def divide(
    part: Real[Numbers, "*sums"], whole: Real[Numbers, "*sums"]
) -> Float[np.ndarray, "*sums"]:
    """Returns part / whole, and NaN of nothing."""
    nothing = np.full(np.shape(whole), np.nan)
    return np.divide(part, whole, out=nothing, where=np.asarray(whole) > 0)


def _count(
    labels: LabelMaps,
    predicted: LabelMaps,
    of_labels: Pixels,
    of_predicted: Pixels,
    classes: int,
) -> Overlaps:
    both = of_labels & of_predicted & (labels == predicted)
    counts = (
        _count_classes(labels, both, classes),
        _count_classes(labels, of_labels, classes),
        _count_classes(predicted, of_predicted, classes),
    )
    return np.stack(counts, -1)


def _count_classes(
    maps: LabelMaps, chosen: Pixels, classes: int
) -> Int[np.ndarray, "examples {classes}"]:
    rows = np.arange(len(maps))[:, None, None] * classes
    cells = (rows + maps)[chosen]
    counts = np.bincount(cells, minlength=len(maps) * classes)
    return counts.reshape(len(maps), classes)
