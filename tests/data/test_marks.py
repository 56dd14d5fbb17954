"""Two marks: what windows of a size can tell of where they lie."""

from collections import Counter

import numpy as np
import pytest

from research.data.builders.marks import draw

INK = 255 * 0.4  # between the noise and the marks


def seen(index, distance, window):
    """What all windows of a size see of an example, and how often."""
    ink = draw("test", index, distance)[..., 0] > INK
    wrapped = np.pad(ink, ((0, window - 1),), mode="wrap")
    views = np.lib.stride_tricks.sliding_window_view(wrapped, (window, window))
    return Counter(view.tobytes() for view in views.reshape(-1, window**2))


@pytest.mark.parametrize("distance", [4, 8, 14])
def test_windows_tell_the_classes_apart_from_a_pixel_below_the_distance(distance):
    """The arms that face each other are closer than the centres, by two pixels."""
    below, beside = (
        lambda window, index=index: seen(index, distance, window) for index in (0, 1)
    )
    for window in range(1, distance - 1):
        assert below(window) == beside(window)
    assert below(distance - 1) != beside(distance - 1)
