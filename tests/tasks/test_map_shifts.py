"""Consistency of label maps against the published code's outputs, and by slices."""

from pathlib import Path

import numpy as np
import pytest

from research.tasks.consistency import count_agreement, roll_back, stays_inside

with np.load(Path(__file__).parents[1] / "golden/massc.npz") as arrays:
    PEER = dict(arrays)
MAPS = np.random.default_rng(0).integers(0, 3, (4, 5, 7)).astype(np.uint8)
OFFSETS = np.array([[0, 0], [2, -3], [-4, 6], [1, 9]])


def peers(name):
    return PEER[name].argmax(-1)


def test_circular_consistency_is_that_of_the_published_code():
    offsets = np.tile(PEER["offsets"], (2, 1))
    still, undone = peers("logits1"), roll_back(peers("logits2"), offsets)
    same, count = count_agreement(still, undone, np.ones(still.shape, bool)).sum(0)
    assert same / count == pytest.approx(PEER["circular"])


def test_linear_consistency_is_that_of_the_published_code():
    """Its crop at r shows at i what is at i + r: the content has moved by −r."""
    offsets = -np.tile(PEER["offsets"], (2, 1))
    still, undone = peers("logits1"), roll_back(peers("logits3"), offsets)
    seen = stays_inside(offsets, still.shape[1:])
    same, count = count_agreement(still, undone, seen).sum(0)
    assert same / count == pytest.approx(PEER["linear"])
    assert count == 2 * 6 * 5


def test_rolling_back_undoes_rolling():
    pairs = zip(MAPS, OFFSETS, strict=True)
    moved = np.stack([np.roll(one, d, (0, 1)) for one, d in pairs])
    np.testing.assert_array_equal(roll_back(moved, OFFSETS), MAPS)


def test_the_overlap_is_what_both_views_show():
    seen = stays_inside(OFFSETS, (5, 7))
    for inside, (dy, dx) in zip(seen, OFFSETS, strict=True):
        for y, x in np.ndindex(5, 7):
            assert inside[y, x] == (0 <= y + dy < 5 and 0 <= x + dx < 7)
