"""Where a curve over the number of training images first reaches a value."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def find_crossing(curve: Mapping[int, float], value: float) -> float | None:
    """Returns log2 of the number of images at which a value is first reached.

    Args:
      curve: number of images → measure, of the same unit as the value.
      value: to be reached.

    Returns:
      Linear in log2 of the number between two that were tried; the first of these where
      the curve begins above the value; None where it stays below.
    """
    sizes = sorted(curve)
    logs, heights = np.log2(sizes), [curve[size] for size in sizes]
    for place, height in enumerate(heights):
        if height >= value:
            if place == 0:
                return float(logs[0])
            below = heights[place - 1]
            share = (value - below) / (height - below)
            return float(logs[place - 1] + share * (logs[place] - logs[place - 1]))
    return None
