"""The adversarial grid against NumPy, on classifiers whose answers are known."""

import numpy as np
import pytest
from known import PLACE, ink, measure, pixel, split, table

from research.evals.worst import Worst
from research.transforms.shifts import circular, zero

SPLIT = split()
BORDERS = {"circular": circular, "zero": zero}


def shifted_pixel(border, dy, dx):
    """What `pixel` sees of every image moved by (dy, dx)."""
    y, x = PLACE[0] - dy, PLACE[1] - dx
    images = SPLIT.images[..., 0] > 127
    inside = 0 <= y < 8 and 0 <= x < 12
    if border == "zero" and not inside:
        return np.zeros(len(SPLIT), int)
    return images[:, y % 8, x % 12].astype(int)


def test_pixel():
    m = 4  # beyond the border above
    rows = table(measure(Worst(BORDERS, max_shift=m, batch=8), pixel, SPLIT))
    for border in BORDERS:
        seen = np.array(
            [
                [shifted_pixel(border, dy, dx) for dx in range(-m, m + 1)]
                for dy in range(-m, m + 1)
            ]
        )
        right = seen == SPLIT.labels
        name = f"worst,border={border},max_shift={m}"
        found = rows[f"{name}/worst_accuracy"]
        np.testing.assert_array_equal(found.arrays["examples"], right.all((0, 1)))
        np.testing.assert_allclose(found.arrays["map"], right.mean(2))
        assert rows[f"{name}/accuracy"].value == pytest.approx(right.mean())
        same = seen == shifted_pixel(border, 0, 0)
        found = rows[f"{name}/worst_agreement"]
        np.testing.assert_array_equal(found.arrays["examples"], same.all((0, 1)))
        np.testing.assert_allclose(found.arrays["map"], same.mean(2))


def test_ink_does_not_mind_where_it_is():
    shifts = {"circular": circular}
    rows = table(Worst(shifts, max_shift=1)(ink, SPLIT))
    right = (SPLIT.images.mean((1, 2, 3)) > 127.5) == SPLIT.labels
    name = "worst,border=circular,max_shift=1"
    assert rows[f"{name}/worst_agreement"].value == 1
    assert rows[f"{name}/worst_accuracy"].value == right.mean()
