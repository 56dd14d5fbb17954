"""Flips and top-5 distances against ImageNet-P's own code, and against loops."""

from pathlib import Path

import numpy as np
import pytest

from research.tasks.rankings import flips, ranks, top_distance

GOLDEN = np.load(Path(__file__).parents[1] / "golden/imagenet_p.npz")


@pytest.mark.parametrize("noise", [False, True])
def test_it_is_what_the_publication_computes(noise):
    logits, end = GOLDEN["logits"], "_noise" if noise else ""
    after = logits[:, 1:]
    before = np.broadcast_to(logits[:, :1], after.shape) if noise else logits[:, :-1]
    assert flips(before, after).mean() == pytest.approx(GOLDEN[f"flip{end}"], 1e-6)
    found = top_distance(before, after).mean()
    assert found == pytest.approx(GOLDEN[f"top5{end}"], 1e-6)
    np.testing.assert_array_equal(ranks(logits), GOLDEN["ranks"])


def loops(before, after, top):
    """The definition, place by place."""
    count, total = len(before), 0
    order = sorted(range(count), key=lambda c: (-before[c], c))
    other = sorted(range(count), key=lambda c: (-after[c], c))
    for i, klass in enumerate(order[:top], 1):
        sigma = other.index(klass) + 1
        places = range(min(i, sigma) + 1, max(i, sigma) + 1)
        total += sum(1 <= j - 1 <= top for j in places)
    return total


@pytest.mark.parametrize("classes", [3, 5, 6, 12])
def test_the_closed_form_is_the_double_sum(classes):
    rng = np.random.default_rng(classes)
    pair = rng.integers(0, 4, (2, 40, classes)).astype(np.float32)  # with ties
    expected = [loops(a, b, 5) for a, b in zip(*pair, strict=True)]
    np.testing.assert_array_equal(top_distance(*pair), expected)
    np.testing.assert_array_equal(top_distance(pair[0], pair[0]), 0)


def test_top_classes_that_all_leave_are_fifteen_places_away():
    logits = np.arange(10, dtype=np.float32)[None]
    assert top_distance(logits, -logits) == 15
