"""Flips are counted image by image, at every distance and for every kind of shift."""

import numpy as np
import pytest
from known import PLACE, ink, measure, pixel, scene_split, split, table

from research.data.split import Split
from research.errors import UserError
from research.evals.stability import Stability
from research.stats import count_matched_flips

M, DRAWS = 2, 3
PLAIN = split(examples=40, shape=(8, 12, 1))


def kept(rows, kind):
    row = rows[f"stability,draws={DRAWS},max_shift={M},shift={kind}/flip_rate"]
    return row, row.arrays["flips"], row.arrays["predictions"]


def possible(images, kind):
    """The least and the largest number of flips of `pixel` at each distance."""
    y, x = PLACE
    on = images[..., 0] > 127
    still = on[:, y, x]
    ends = []
    for d in (1, 2):
        seen = []
        for dy in range(-d, d + 1):
            for dx in range(-d, d + 1):
                if max(abs(dy), abs(dx)) == d:
                    row, column = y - dy, x - dx
                    outside = not (0 <= row < 8 and 0 <= column < 12)
                    at = on[:, row % 8, column % 12]
                    seen.append(at & ~(outside and kind == "zero") ^ still)
        seen = np.array(seen)
        ends.append((DRAWS * seen.all(0), DRAWS * seen.any(0)))
    return np.array(ends).transpose(1, 2, 0)


def test_counts_are_what_the_classifier_does_and_rates_their_means():
    rows = table(measure(Stability(M, DRAWS, batch=16), pixel, PLAIN))
    still = PLAIN.images[:, *PLACE, 0] > 127
    for kind in ("circular", "zero"):
        row, flips, predictions = kept(rows, kind)
        assert flips.shape == (40, M) and flips.dtype == predictions.dtype == np.uint8
        np.testing.assert_array_equal(predictions, still)
        low, high = possible(PLAIN.images, kind)
        assert (low <= flips).all() and (flips <= high).all() and flips.std() > 0
        assert row.value == pytest.approx(flips.mean() / DRAWS)
        for d in (1, 2):
            one = rows[f"stability,distance={d},draws={DRAWS},shift={kind}/flip_rate"]
            assert one.value == pytest.approx(flips[:, d - 1].mean() / DRAWS)
        right = flips[still == PLAIN.labels]
        key = f"stability,draws={DRAWS},max_shift={M},shift={kind}"
        assert rows[f"{key}/flip_rate_where_right"].value == pytest.approx(
            right.mean() / DRAWS
        )
    assert not any("window" in key for key in rows)


def test_two_networks_are_compared_on_what_both_get_right():
    both = [table(measure(Stability(M, DRAWS), p, PLAIN)) for p in (pixel, ink)]
    arrays = [kept(rows, "circular")[1:] for rows in both]
    flips = np.stack([f.sum(1, dtype=int) for f, _ in arrays])
    predictions = np.stack([p for _, p in arrays])
    found = count_matched_flips(flips, predictions, PLAIN.labels, M * DRAWS)
    good = (predictions == PLAIN.labels).all(0)
    assert found.examples == good.sum() > 0
    assert list(found.flips) == [flips[0, good].sum(), 0]  # `ink` never flips


def test_windows_go_where_content_comes_from():
    """Class 1 where the window's corner is bright: the canvas says where that lies."""
    ramp = np.tile(np.arange(14, dtype=np.uint8), (12, 1))
    canvases = Split.labelled(np.stack([ramp[..., None]] * 60), np.ones(60, np.int32))
    scenes = scene_split(canvases, np.full((60, 2), 2, np.int32))

    def right_of_two(images):
        left = np.asarray(images)[:, 0, 0, 0] * 255
        return np.stack([np.zeros_like(left), left - 1.5], -1)

    rows = table(measure(Stability(M, DRAWS), right_of_two, scenes))
    _, flips, predictions = kept(rows, "window")
    assert (predictions == 1).all()
    # Content that moves right by dx shows column 2 − dx: it is below 2 for dx ≥ 1.
    share = flips.mean(0) / DRAWS
    assert abs(share[0] - 3 / 8) < 0.15 and abs(share[1] - (5 + 2) / 16) < 0.15


def test_each_draw_and_each_distance_is_another():
    rows = table(measure(Stability(M, 1), pixel, PLAIN))
    again = table(measure(Stability(M, 1, seed=1), pixel, PLAIN))
    key = f"stability,draws=1,max_shift={M},shift=circular/flip_rate"
    assert (rows[key].arrays["flips"] != again[key].arrays["flips"]).any()


def test_shifts_beyond_the_canvas_or_the_image_are_refused():
    canvases = split(examples=5, shape=(12, 14, 1))
    scenes = scene_split(canvases, np.tile(np.array([[2, 1]], np.int32), (5, 1)))
    with pytest.raises(UserError, match=r"stability\.max_shift=2: takes 1 to 1 for th"):
        Stability(2).check(ink, scenes)
    with pytest.raises(UserError, match="max_shift=8: takes 1 to 7 for images of"):
        Stability(8).check(ink, PLAIN)
