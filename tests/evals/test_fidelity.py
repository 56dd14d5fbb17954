"""Fidelity asks for right answers that agree: of a classifier that finds a dot."""

import numpy as np
import pytest
from known import measure

from research.data.split import Split
from research.evals.fidelity import Fidelity

SIDE, COUNT = 9, 60


@pytest.fixture
def split():
    places = np.random.default_rng(0).integers(0, SIDE, (COUNT, 2))
    images = np.zeros((COUNT, SIDE, SIDE, 1), np.uint8)
    images[np.arange(COUNT), *places.T] = 255
    return Split.labelled(images, places[:, 0].astype(np.int32))


def row(images):
    return np.asarray(images).max(2)[..., 0]


def constant(images):
    return np.eye(SIDE)[np.full(len(images), 2)]


def found(measured, border, name):
    [one] = [m for m in measured if (m.params["border"], m.measure) == (border, name)]
    return one.arrays["examples"]


def test_each_measure_is_its_definition(split):
    measured = measure(Fidelity(max_shift=1), row, split)
    [kept] = [
        m.arrays["offsets"]
        for m in measured
        if m.measure == "fidelity" and m.params["border"] == "circular"
    ]
    a, b = kept[:, 0, 0], kept[:, 1, 0]
    assert set(a) == {-1, 0, 1}
    expected = {
        "consistency": a == b,
        "fidelity": (a == b) & (a == 0),
        "stability": (a == b) & (a == 0),
        "accuracy": a == 0,
    }
    for name, each in expected.items():
        np.testing.assert_array_equal(found(measured, "circular", name), each)


def test_a_constant_answer_is_consistent_and_not_faithful(split):
    measured = measure(Fidelity(), constant, split)
    for border in ("circular", "zero"):
        assert found(measured, border, "consistency").all()
        assert found(measured, border, "stability").all()
        right = split.labels == 2
        np.testing.assert_array_equal(found(measured, border, "fidelity"), right)


def test_stability_needs_no_label(split):
    """A wrong answer that stays is stable, and not faithful."""
    wrong = Split.labelled(split.images, (split.labels + 1) % SIDE)
    measured = measure(Fidelity(max_shift=1), row, wrong)
    assert found(measured, "circular", "stability").any()
    together = found(measured, "circular", "fidelity")
    assert not (together * found(measured, "circular", "stability")).any()


def test_without_labels_there_is_what_needs_none(split):
    bare = Split({"image": split.images})
    rows = {(one.key, one.value) for one in measure(Fidelity(), row, split)}
    without = {(one.key, one.value) for one in measure(Fidelity(), row, bare)}
    assert {key.rpartition("/")[2] for key, _ in without} == {
        "consistency",
        "stability",
    }
    assert without < rows
