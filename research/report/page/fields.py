"""What a unit sees and what a network costs, by arithmetic.

A figure of fields against depth is laid out here; `assets/answer.html` draws it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

WINDOW = 3  # rows of a convolution's kernel
DEEPEST = 9  # convolutions in the figure
MOST = 40  # pixels at the top of the figure
WIDTH, HEIGHT = 440, 300
LEFT, RIGHT, TOP, BOTTOM = 40, 18, 16, 44


class Line(NamedTuple):
    """A line of the figure.

    Attributes:
      name: in words.
      kind: class in the style.
      points: (from the left, from the top, pixels).
    """

    name: str
    kind: str
    points: list[tuple[float, float, int]]


class Chart(NamedTuple):
    """The figure of fields against depth, in units of its own.

    Attributes:
      lines: with pooling and without.
      ticks: (from the top, pixels).
      steps: (from the left, convolutions).
      whole: from the top, the size of the image.
      left: where the lines of the ticks begin.
      right: where they end.
      base: from the top, no pixels.
      width: of all.
      height: of all.
    """

    lines: list[Line]
    ticks: list[tuple[float, int]]
    steps: list[tuple[float, int]]
    whole: float
    left: int = LEFT
    right: int = WIDTH - RIGHT
    base: int = HEIGHT - BOTTOM
    width: int = WIDTH
    height: int = HEIGHT


def find_field(convolutions: int, poolings: int = 0, window: int = 2) -> int:
    """Returns how many pixels a unit sees behind 3×3 convolutions.

    r grows by (k − 1)·j, j being the stride so far (Araujo et al. 2019).

    Args:
      convolutions: how many, of stride 1.
      poolings: of stride 2, behind each of the first so many of them.
      window: k of these, k×k; 1: a bare stride.
    """
    field, stride = 1, 1
    for index in range(convolutions):
        field += (WINDOW - 1) * stride
        if index < poolings:
            field += (window - 1) * stride
            stride *= 2
    return field


def count_products(
    widths: Sequence[int], size: int, poolings: int = 0, *, strided: bool = False
) -> int:
    """Returns the multiply-adds of 3×3 convolutions that keep the size of the map.

    Args:
      widths: channels behind each convolution; the image has one.
      size: rows and columns of the image, a multiple of 2 to the number of poolings.
      poolings: of stride 2, behind each of the first so many convolutions.
      strided: the convolutions have the stride themselves, nothing is pooled.
    """
    products, channels = 0, 1
    for index, width in enumerate(widths):
        after = size // 2 if index < poolings else size
        rows = after if strided else size
        products += rows * rows * WINDOW * WINDOW * channels * width
        size, channels = after, width
    return products


def shrink_maps(size: int, convolutions: int, poolings: int = 0) -> Iterator[int]:
    """Yields the rows of the map after each convolution and each pooling, unpadded.

    Args:
      size: rows of the image.
      convolutions: how many.
      poolings: 2×2 of stride 2, behind each of the first so many of them.
    """
    for index in range(convolutions):
        size -= WINDOW - 1
        yield size
        if index < poolings:
            size //= 2
            yield size


def draw_fields(image: int) -> Chart:
    """Returns the figure of fields against depth.

    Args:
      image: rows of the image.
    """
    steps = range(1, DEEPEST + 1)
    curves = {
        "with pooling": ("pooled", [find_field(n, n - 1) for n in steps]),
        "without": ("plain", [find_field(n) for n in steps]),
    }
    return Chart(
        lines=[
            Line(name, kind, place_points(fields))
            for name, (kind, fields) in curves.items()
        ],
        ticks=[(place_height(pixels), pixels) for pixels in range(0, MOST + 1, 10)],
        steps=[(place_step(n), n) for n in steps],
        whole=place_height(image),
    )


def place_points(fields: Sequence[int]) -> list[tuple[float, float, int]]:
    """Returns the points of a line, up to the first beyond the figure."""
    found = []
    for index, field in enumerate(fields):
        if field > MOST:
            break
        found.append((place_step(index + 1), place_height(field), field))
    return found


def place_step(convolutions: int) -> float:
    """Returns where a number of convolutions lies, from the left."""
    return round(LEFT + (convolutions - 1) * (WIDTH - LEFT - RIGHT) / (DEEPEST - 1), 1)


def place_height(pixels: int) -> float:
    """Returns where a number of pixels lies, from the top."""
    return round(HEIGHT - BOTTOM - pixels * (HEIGHT - TOP - BOTTOM) / MOST, 1)
