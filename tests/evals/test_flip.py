"""Paths of one-pixel steps, on classifiers whose answers are known."""

import networks
import numpy as np
import pytest
from known import PLACE, ink, measure, pixel, split, table

from research.errors import UserError
from research.evals.flip import Flip
from research.models.network import Network
from research.transforms.shifts import circular, zero

SPLIT = split()
BORDERS = {"circular": circular, "zero": zero}
NAME = "flip,border={},direction={},reach={}/{}"


def seen(border, frame, step):
    """The class that `pixel` gives every image moved by so many steps."""
    y, x = PLACE[0] - frame * step[0], PLACE[1] - frame * step[1]
    if border == "zero" and not (0 <= y < 8 and 0 <= x < 12):
        return np.zeros(len(SPLIT), bool)
    return SPLIT.images[:, y % 8, x % 12, 0] > 127


@pytest.mark.parametrize("step", [(0, 1), (1, 0), (1, -1)])
def test_a_pixel_flips_where_its_neighbours_differ(step):
    reach = (-3, 5)
    evaluator = Flip(BORDERS, reach=reach, directions=[step], batch=8)
    rows = table(measure(evaluator, pixel, SPLIT))
    for border in BORDERS:
        path = np.array([seen(border, frame, step) for frame in range(-3, 6)])
        flips = path[1:] != path[:-1]
        one = rows[NAME.format(border, list(step), list(reach), "flip_rate")]
        np.testing.assert_allclose(one.arrays["examples"], flips.mean(0))
        np.testing.assert_allclose(one.arrays["steps"], flips.mean(1))
        assert 0.1 < one.value < 0.9
        # of two classes, a flip moves each by one place
        top = rows[NAME.format(border, list(step), list(reach), "top5_distance")]
        np.testing.assert_allclose(top.arrays["steps"], 2 * flips.mean(1))


def test_who_does_not_mind_never_flips():
    found = measure(Flip({"circular": circular}, reach=(-7, 7)), ink, SPLIT)
    assert {one.measure for one in found} == {"flip_rate", "top5_distance"}
    assert all(one.value == 0 for one in found)


def test_embeddings_of_networks_of_ours_are_compared():
    def changes(network: Network):
        evaluator = Flip({"circular": circular}, reach=(0, 2), directions=[(0, 1)])
        rows = table(measure(evaluator, network, SPLIT))
        key = NAME.format("circular", [0, 1], [0, 2], "embedding_change")
        return rows[key].arrays["examples"]

    # The mean of a map that is only shifted stays; a map that is decimated changes.
    still, moving = networks.of([networks.Brighter()]), networks.pooling()
    np.testing.assert_allclose(changes(still), 0, atol=1e-6)
    assert changes(moving).mean() > 1e-4


@pytest.mark.parametrize("bad", [{"reach": (3, 3)}, {"directions": [(0, 0)]}])
def test_paths_that_go_nowhere_are_refused(bad):
    with pytest.raises(UserError, match=rf"^eval\.flip\.{next(iter(bad))}="):
        Flip(BORDERS, **bad)
