"""Seconds an image: the shortest pass, without what compiles, of any classifier."""

import time

import numpy as np
import pytest
from flax import nnx

from research.data.split import Split
from research.evals import speed
from research.evals.engine import batches
from research.evals.speed import Speed
from research.wrappers.average import Average
from research.wrappers.rics import Rics
from research.wrappers.wrapper import Wrapped, WrappedFunction

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


def test_in_a_wrapper_the_bare_classifier_is_timed_in_turn(monkeypatch):
    seen, clock = [], [0.0]
    monkeypatch.setattr(speed.time, "perf_counter", lambda: clock[0])

    def classify(images):
        seen.append(len(images))
        clock[0] += len(images) * (2.0 if len(seen) <= 4 else 1.0)
        return np.zeros((len(images), 2))

    wrapped = WrappedFunction(classify, Average(2, 1, "circular"))
    seconds, ratio = Speed(passes=3, examples=10, batch=10)(wrapped, SPLIT)
    assert seen == [40, 10] * 4, "four views, then one; once without the clock"
    assert ratio.measure == "times_bare" and ratio.params == seconds.params
    assert seconds.value == 4.0 and ratio.value == 4.0, "of the later, shorter passes"
    assert "in turn" in ratio.method


@pytest.mark.parametrize("ours", [True, False])
def test_the_bare_classifier_sees_as_much_as_a_view(ours):
    seen = []

    class Count(nnx.Module):
        def __call__(self, images):
            seen.append(images.shape)
            return images.mean((1, 2)).repeat(2, -1)

    wrapper = Rics(keep=0.5, cyclic=False, taps=3)
    wrapped = (Wrapped if ours else WrappedFunction)(Count(), wrapper)
    rows = list(Speed(passes=1, examples=10, batch=10)(wrapped, SPLIT))
    assert [row.measure for row in rows] == ["seconds_per_image", "times_bare"]
    assert {shape[1:] for shape in seen} == {(4, 4, 1)}


def test_images_are_brought_to_the_device_before_the_clock_runs(monkeypatch):
    sent, shard = [], batches.devices.shard

    def count(tree, over):
        sent.extend(one for one in [tree] if isinstance(one, np.ndarray))
        return shard(tree, over)

    def during(calls, passes):
        sofar = []
        for call in calls * 2:
            call()
            sofar.append(len(sent))
        assert sofar == [2, 2], "two batches, in the pass that is not timed"
        return [1.0]

    monkeypatch.setattr(batches.devices, "shard", count)
    monkeypatch.setattr(speed, "measure_in_turn", during)
    list(Speed(passes=1, examples=10, batch=5)(lambda x: np.zeros((len(x), 2)), SPLIT))
    assert len(sent) == 2
