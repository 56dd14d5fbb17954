"""Consistency of label maps under shifts: what agrees once the shift is undone.

Pure NumPy. d = (dy, dx) is how far the content of a shifted image moves, so that what
is at u in the image is at u + d in the shifted one.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int, Shaped

Maps = Shaped[np.ndarray, "examples height width"]
Offsets = Int[np.ndarray, "examples 2"]


def roll_back(maps: Maps, offsets: Offsets) -> Maps:
    """Returns maps of which entry u is what was at u + d, around the borders.

    Args:
      maps: (N, H, W) of shifted images.
      offsets: (N, 2), each d.
    """
    height, width = maps.shape[1:]
    rows = (np.arange(height) + offsets[:, :1]) % height
    columns = (np.arange(width) + offsets[:, 1:]) % width
    return maps[np.arange(len(maps))[:, None, None], rows[:, :, None], columns[:, None]]


def stays_inside(
    offsets: Offsets, size: tuple[int, int]
) -> Bool[np.ndarray, "examples height width"]:
    """Returns which pixels of an image the shifted one still shows: u + d is inside.

    It is the overlap of the linear consistency: for d_y ≤ 0 the rows −d_y … H − 1 of
    the image, which are the rows 0 … H − 1 + d_y of the shifted one.

    Args:
      offsets: (N, 2), each d.
      size: (H, W).
    """
    places = (
        np.arange(length) + offsets[:, axis : axis + 1]
        for axis, length in enumerate(size)
    )
    rows, columns = (
        (place >= 0) & (place < length)
        for place, length in zip(places, size, strict=True)
    )
    return rows[:, :, None] & columns[:, None]


def count_agreement(
    still: Maps,
    undone: Maps,
    seen: Bool[np.ndarray, "examples height width"],
) -> Int[np.ndarray, "examples 2"]:
    """Returns of how many pixels both maps say the same, and how many there are.

    Args:
      still: classes of each image.
      undone: of the shifted one, the shift undone.
      seen: the pixels that count.
    """
    same = (still == undone) & seen
    return np.stack([same.sum((1, 2)), seen.sum((1, 2))], -1)
