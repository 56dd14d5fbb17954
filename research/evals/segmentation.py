"""How well label maps fit: mean IoU, boundary IoU and accuracy over the whole set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from math import hypot
from typing import Any, ClassVar

import numpy as np

from research.data.split import Split
from research.errors import UserError
from research.evals.engine.dense import (
    Labeller,
    LabelMaps,
    answer_shape,
    require_label_maps,
)
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.stats import resample_sums
from research.tasks.classification import CLASSIFICATION
from research.tasks.confusion import (
    Overlaps,
    count_boundary_overlaps,
    count_confusion,
    count_overlaps,
    divide,
    iou,
    mean_present,
)
from research.tasks.task import Task
from research.types import Count, Natural

OF_DIAGONAL = 0.02  # of the image: the publication's distance from a contour


@dataclass(frozen=True)
class Segmentation(Evaluator):
    """Compares label maps with masks, pixel by pixel, over all examples at once.

    From one confusion matrix of the set, without pixels that have no label (the task's
    `ignore`), it yields `mean_iou`, the mean of IoU over the classes that labels or
    predictions have; `iou` with the parameter `class`, of each of those; and
    `pixel_accuracy`, the share of the pixels that are right: unlike the task's score,
    not a mean over images. Then with `distance` d `boundary_iou`, the same mean of the
    IoU of those pixels of each mask that lie within d of its own contour, and each
    class's. What is thin or small is all contour, and what is large can be
    right inside and wrong at its edge, which `mean_iou` hardly sees.

    A constant map of class c, which has a share p of the pixels, scores the IoU p, 0
    for all others, and so a mean of p over the number of classes in the labels and the
    map; the accuracy p. Its contour is the border of the image: of the frame of width
    d, F pixels, of which f are of class c, and b pixels near the contours of c in the
    labels its boundary IoU is f/(F + b − f), again divided by the number of classes.

    Intervals are by bootstrap over examples, whose counts are summed before the ratio.
    Beside `mean_iou` are kept the `confusion` (K, K), rows the labels; and of the first
    `pictures` examples `images`, `masks` and `predictions`, (P, H, W).

    Attributes:
      distance: d, pixels, the larger of both axes. None: 2 % of the diagonal, and at
        least 1, as published, so that sets of different sizes compare: 1 at 32×32.
      pictures: examples that are kept.
      examples: how many of the split, from the first; None: all.
      batch: examples a call.
      task: of the answers: task=segmentation, whose `ignore` counts.

    References:
      (boundary) B. Cheng, R. Girshick, P. Dollár, A. C. Berg, A. Kirillov, Boundary
      IoU: Improving Object-Centric Image Segmentation Evaluation, CVPR 2021,
      arXiv:2103.16562.
    """

    name: ClassVar[str] = "segmentation"
    distance: Count | None = None
    pictures: Natural = 8
    examples: Count | None = None
    batch: Count = 512
    task: Task = CLASSIFICATION

    def check(self, predict: Callable[..., Any], split: Split) -> None:
        """Refuses other tasks and networks, data without masks, and unknown labels."""
        ignore = require_label_maps(predict, split, self.task, self.name).ignore
        if "mask" not in split.arrays:
            raise UserError(
                f"eval=segmentation compares with label maps, and the data have only "
                f"{', '.join(split.arrays)}: use data with masks, or leave "
                "segmentation out of eval"
            )
        if shape := answer_shape(predict, split):
            require_known(split.first(self.examples)["mask"], shape[-1], ignore)

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the measurements of whole masks, then those of their boundaries."""
        task = require_label_maps(predict, split, self.task, self.name)
        split = split.first(self.examples)
        masks, ignore = split["mask"], task.ignore
        labels, classes = Labeller(predict, batch=self.batch)(split.images)
        if shape := answer_shape(predict, split):
            classes = shape[-1]
        require_known(masks, classes, ignore)
        few = slice(self.pictures)
        kept = {
            "confusion": count_confusion(masks, labels, classes, ignore),
            "images": split.images[few],
            "masks": masks[few],
            "predictions": labels[few],
        }
        count = partial(in_blocks, masks, labels, self.batch)
        whole = count(partial(count_overlaps, classes=classes, ignore=ignore))
        yield from describe_iou(whole, "mean_iou", "iou", {}, kept)
        yield describe_accuracy(whole)
        distance = self.distance or suggest_distance(split.images.shape[1:3])
        near = partial(
            count_boundary_overlaps, classes=classes, ignore=ignore, distance=distance
        )
        params = {"distance": distance}
        yield from describe_iou(count(near), "boundary_iou", "boundary_iou", params)


def require_known(masks: LabelMaps, classes: int, ignore: int) -> None:
    """Refuses labels that the network has no class for.

    Args:
      masks: (N, H, W).
      classes: of the network.
      ignore: the label of pixels that have none.

    Raises:
      UserError: names the largest.
    """
    found = masks[masks != ignore]
    wrong = found[(found < 0) | (found >= classes)]
    if wrong.size:
        raise UserError(
            f"eval=segmentation: a mask has the label {wrong.max()}, and the network "
            f"has {classes} classes, 0 to {classes - 1}, besides loss.ignore={ignore}: "
            f"set data.mask_classes={wrong.max() + 1}, or loss.ignore={wrong.max()}"
        )


def suggest_distance(size: tuple[int, ...]) -> int:
    """Returns 2 % of the diagonal of an image, and at least 1 pixel."""
    return max(1, round(OF_DIAGONAL * hypot(*size)))


def in_blocks(
    masks: LabelMaps,
    labels: LabelMaps,
    block: int,
    count: Callable[[LabelMaps, LabelMaps], Overlaps],
) -> Overlaps:
    """Returns the counts of all examples, some of which are in work at once."""
    starts = range(0, len(masks), block)
    blocks = [slice(start, start + block) for start in starts]
    return np.concatenate([count(masks[one], labels[one]) for one in blocks])


def describe_iou(
    overlaps: Overlaps,
    mean: str,
    single: str,
    params: dict[str, Any],
    kept: dict[str, np.ndarray] | None = None,
) -> Iterator[Measurement]:
    """Yields the mean over classes, and the IoU of each that there is.

    Args:
      overlaps: (N, K, 3), as of `count_overlaps`.
      mean: the measure of the mean.
      single: the measure of each class.
      params: of the rows.
      kept: beside the mean.
    """
    row = partial(Measurement.of_draws, "segmentation", n=len(overlaps))
    each, draws = iou(overlaps.sum(0)), iou(resample_sums(overlaps))
    value = float(mean_present(each))
    yield row(mean, value, mean_present(draws), params=params, arrays=kept)
    for one in np.flatnonzero(~np.isnan(each)):
        own = {**params, "class": int(one)}
        yield row(single, float(each[one]), draws[:, one], params=own)


def describe_accuracy(overlaps: Overlaps) -> Measurement:
    """Returns the share of all pixels with a label that are right; see `describe_iou`.

    It is NaN where no pixel has a label.
    """
    counts = overlaps[..., :2].sum(1)
    value = float(divide(*counts.sum(0)))
    draws = divide(*resample_sums(counts).T)
    return Measurement.of_draws(
        "segmentation", "pixel_accuracy", value, draws, len(counts)
    )
