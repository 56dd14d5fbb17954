"""Seconds an image: the shortest pass, without what compiles, of any classifier."""

import time

import numpy as np

from research.data.split import Split
from research.evals.speed import Speed

SPLIT = Split({"image": np.zeros((20, 8, 8, 1), np.uint8)})


def test_a_slow_first_call_is_left_out_and_the_shortest_counts():
    waits = iter([0.2, 0.03, 0.01, 0.05])

    def slow(images):
        time.sleep(next(waits))
        return np.zeros((len(images), 2))

    (row,) = Speed(passes=3, examples=10, batch=10)(slow, SPLIT)
    assert (row.protocol, row.measure, row.n) == ("speed", "seconds_per_image", 10)
    assert 0.001 <= row.value < 0.003, "of 10 images in .01 s"
    assert next(waits, None) is None and row.params == {"batch": 10}


def test_a_batch_is_no_larger_than_there_are_images():
    seen = []

    def classify(images):
        seen.append(len(images))
        return np.zeros((len(images), 2))

    list(Speed(passes=1, examples=None, batch=64)(classify, SPLIT))
    assert seen == [20, 20]
