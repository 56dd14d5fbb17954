"""Classifiers whose answers are known, as any foreign `images → logits`."""

import numpy as np

from research.data.split import Split

PLACE = (3, 4)  # the pixel that `pixel` looks at


def pixel(images):
    """Class 1 where one pixel is above ½; knows nothing else."""
    value = np.asarray(images)[:, PLACE[0], PLACE[1], 0]
    return 4 * np.stack([0.5 - value, value - 0.5], -1)


def ink(images):
    """Class 1 where the mean is above ½; does not care where the ink is."""
    value = np.asarray(images, np.float64).mean((1, 2, 3))
    return 4 * np.stack([0.5 - value, value - 0.5], -1)


def sure(margin):
    """The probability that softmax gives class 1 at value ½ + margin."""
    return 1 / (1 + np.exp(-8 * np.asarray(margin, np.float64)))


def split(examples=23, shape=(8, 12, 1), seed=0):
    """Images of zeros and ones, and labels at random."""
    rng = np.random.default_rng(seed)
    images = 255 * rng.integers(0, 2, (examples, *shape))
    labels = rng.integers(0, 2, examples)
    return Split.labelled(images.astype(np.uint8), labels.astype(np.int32))


def scene_split(canvases, corners, size=(6, 8)):
    """Images cut out of canvases at these corners, as `data=scenes` has them."""
    height, width = size
    images = [
        canvas[top : top + height, left : left + width]
        for canvas, (top, left) in zip(canvases.images, corners, strict=True)
    ]
    arrays = {"image": np.stack(images), "label": canvases.labels}
    return Split(arrays | {"canvas": canvases.images, "corner": corners})


def measure(evaluator, predict, examples):
    """What an evaluator yields, asked beforehand as a run asks it."""
    evaluator.check(predict, examples)
    return list(evaluator(predict, examples))


def table(measurements):
    """Measurements by key."""
    return {one.key: one for one in measurements}
