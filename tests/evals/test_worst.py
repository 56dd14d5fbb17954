"""The adversarial grid against NumPy, on classifiers whose answers are known."""

import numpy as np
import pytest
from jax import numpy as jnp
from known import PLACE, ink, measure, pixel, split, table

from research.data.split import Split
from research.errors import UserError
from research.evals.engine.grids import fractions
from research.evals.fragile import Fragile
from research.evals.worst import Worst
from research.nn.signal import fractional_shift
from research.transforms.shifts import circular, zero

SPLIT = split()
PLACES = np.random.default_rng(1).integers(0, (8, 12), (60, 2))
EDGES = Split.labelled(  # white from a corner on, so that most shifts change nothing
    np.array(
        [
            np.pad(np.full((8 - y, 12 - x, 1), 255, np.uint8), ((y, 0), (x, 0), (0, 0)))
            for y, x in PLACES
        ]
    ),
    np.arange(60, dtype=np.int32) % 2,
)
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


def test_neighbours_are_those_of_the_most_fragile_images():
    rows = table(measure(Worst({"circular": circular}), pixel, EDGES))
    found = rows["worst,border=circular,grid=neighbours,max_shift=3/worst_agreement"]
    fragile = table(measure(Fragile(), pixel, EDGES))["fragile/worst_agreement"]
    np.testing.assert_array_equal(
        found.arrays["examples"], fragile.arrays["examples"].astype(float)
    )
    assert 0 < found.value < 1


def test_crops_are_around_the_centre_of_a_larger_canvas():
    m = 2
    rows = table(measure(Worst({"zero": zero}, max_shift=m), pixel, EDGES))
    canvas = np.pad(EDGES.images[..., 0], ((0, 0), (m, m), (m, m))) > 127
    y, x = PLACE
    right = [
        canvas[:, top + y, left + x] == EDGES.labels
        for top in range(1, 2 * m + 1)
        for left in range(1, 2 * m + 1)
    ]
    found = rows[f"worst,border=zero,grid=crop,max_shift={m}/worst_accuracy"]
    np.testing.assert_array_equal(found.arrays["examples"], np.all(right, 0))
    whole = rows[f"worst,border=zero,max_shift={m}/worst_accuracy"]
    assert 0 < whole.value < found.value


def test_fractions_move_content_up_and_left():
    rows = table(measure(Worst({}, upsampling=[3, 4]), pixel, SPLIT))
    found = rows["worst,border=circular,upsampling=[3, 4]/worst_accuracy"]
    offsets = found.arrays["offsets"]
    assert len(offsets) == 1 + 4 + 9 and len(set(map(tuple, offsets))) == 14
    assert (offsets[1:] < 0).all() and (offsets > -1).all() and not offsets[0].any()
    images = jnp.asarray(SPLIT.images, jnp.float32) / 255
    right = []
    for offset in offsets:
        each = jnp.tile(offset, (len(SPLIT), 1))
        seen = np.asarray(fractional_shift(images, each))[:, *PLACE, 0]
        right.append((seen > 0.5) == SPLIT.labels)
    np.testing.assert_array_equal(found.arrays["examples"], np.all(right, 0))
    np.testing.assert_allclose(found.arrays["map"], np.mean(right, 1))


def test_whole_steps_are_no_fractions():
    assert len(fractions(fractional_shift, [2]).offsets) == 2
    with pytest.raises(UserError, match=r"^eval\.worst\.upsampling=\[1\]: takes"):
        Worst({}, upsampling=[1])
