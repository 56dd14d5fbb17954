"""Puts names beside points so that nothing overlaps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg

Box = Float[np.ndarray, "4"]  # left, bottom, right, top in pixels
Boxes = Float[np.ndarray, "boxes 4"]

TEXT = "#333333"  # dark whatever the point's colour: light text is hard to read
DIRECTIONS = [math.radians(angle) for angle in (0, 180, 90, 270, 45, 135, 225, 315)]
SOLID = 5  # times worse to cover text or a marker than an error bar
DISTANCES = [6, 10, 15, 21, 28, 36, 45]  # points
STYLE: dict[str, Any] = {
    "textcoords": "offset points",
    "ha": "center",
    "va": "center",
    "color": TEXT,
    "zorder": 5,
    "arrowprops": {"arrowstyle": "-", "color": TEXT, "linewidth": 0.4},
}


def label_points(
    axes: Axes,
    points: dict[str, tuple[float, float]],
    obstacles: list[tuple[float, float, float, float]],
    *,
    size: float = 7,
) -> None:
    """Writes each name at the nearest free place around its point.

    Places are tried in order of distance, eight directions each, the most crowded point
    first; the one that covers least wins. Names that end up far get a thin line.

    Args:
      axes: whose limits are final.
      points: name → (x, y) in data units.
      obstacles: (left, bottom, right, top) in data units, such as error bars.
      size: of the text, in points.
    """
    canvas = FigureCanvasAgg(axes.get_figure(root=True))
    canvas.draw()  # the layout must be done before anything can be measured
    renderer = canvas.get_renderer()
    pixels = canvas.figure.dpi / 72  # of a point
    at = {name: axes.transData.transform(point) for name, point in points.items()}
    radius = 4 * pixels
    taken = [np.array([*(p - radius), *(p + radius)]) for p in at.values()]
    thin = thicken(axes, obstacles, pixels)
    frame = np.array(axes.get_window_extent(renderer).extents)

    def crowd(name: str) -> float:
        distances = [np.hypot(*(at[name] - other)) for other in at.values()]
        return sum(1 / (1 + distance) for distance in distances)

    for name in sorted(at, key=crowd, reverse=True):
        text = axes.annotate(name, points[name], (0, 0), fontsize=size, **STYLE)
        box = np.array(text.get_window_extent(renderer).extents)
        half = (box[2:] - box[:2]) / 2
        offsets = list_offsets(half, pixels)
        boxes = [
            np.concatenate([at[name] + offset - half, at[name] + offset + half])
            for offset in offsets
        ]
        costs = [
            SOLID * cost(box, np.array(taken), frame) + overlap(box, thin).sum()
            for box in boxes
        ]
        best = int(np.argmin(costs))  # the first: nearer ones come first
        text.set_position(tuple(offsets[best] / pixels))
        if text.arrow_patch is not None:
            text.arrow_patch.set_visible(best >= 2 * len(DIRECTIONS))
        taken.append(boxes[best])


def thicken(
    axes: Axes, obstacles: list[tuple[float, float, float, float]], reach: float
) -> Boxes:
    """Returns boxes of the axes in pixels, larger by `reach` on every side."""
    boxes = []
    for left, bottom, right, top in obstacles:
        low, high = axes.transData.transform([(left, bottom), (right, top)])
        boxes.append(np.array([*(low - reach), *(high + reach)]))
    return np.array(boxes).reshape(-1, 4)


def list_offsets(half: Float[np.ndarray, 2], pixels: float) -> list[np.ndarray]:
    """Returns the places to be tried for a name, from its point, nearest first.

    Args:
      half: of the width and height of the name, in pixels.
      pixels: of a point.
    """
    return [
        np.array([math.cos(angle), math.sin(angle)]) * (half + distance * pixels)
        for distance in DISTANCES
        for angle in DIRECTIONS
    ]


def cost(box: Box, taken: Boxes, frame: Box) -> float:
    """Returns the area in pixels² that a box shares with others or has off a frame."""
    return overlap(box, taken).sum() + _area(box) - overlap(box, frame[None])[0]


def overlap(box: Box, others: Boxes) -> Float[np.ndarray, " boxes"]:
    """Returns the area in pixels² that a box shares with each of the others."""
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[2:], others[:, 2:])
    return np.clip(high - low, 0, None).prod(1)


def _area(box: Box) -> float:
    return float((box[2:] - box[:2]).prod())
