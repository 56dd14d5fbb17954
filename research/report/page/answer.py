"""The answer to the question that was asked, for the head of the page: static text.

How does removing the max pooling layers reduce the amount of the initial image that we
are looking at? The fields are arithmetic; what a network makes of them is measured by
the runs of C6.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from research.claims.c6 import AVERAGE, CLAIM, MAX, PLAIN, STRIDE
from research.claims.claim import Claim
from research.claims.measure import ACCURACY, only
from research.report.formats import format_effect
from research.report.results import Results

IMAGE = 28  # rows of an image of MNIST
WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 44, 150, 16, 40
DEEPEST = 9  # convolutions in the figure
MOST = 40  # pixels at the top of the figure


class Line(NamedTuple):
    """A line of the figure: its name, class, and points in the figure's units."""

    name: str
    kind: str
    points: list[tuple[float, float, int]]


class Measured(NamedTuple):
    """The accuracy of an arm on marks 14 pixels apart, as text."""

    arm: str
    field: int
    accuracy: str


class Answer(NamedTuple):
    """What the head of the page says.

    Attributes:
      image: rows of an image.
      pooled: pixels that three convolutions see with two poolings.
      strided: pixels that they see with two bare strides.
      plain: pixels that they see without.
      deeper: pixels that nine see without.
      lines: of the figure.
      ticks: (height in the figure, pixels).
      steps: (place in the figure, convolutions).
      measured: of the arms that have runs.
      width: of the figure.
      height: of the figure.
    """

    image: int
    pooled: int
    strided: int
    plain: int
    deeper: int
    lines: list[Line]
    ticks: list[tuple[float, int]]
    steps: list[tuple[float, int]]
    measured: list[Measured]
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
        field += 2 * stride
        if index < poolings:
            field += (window - 1) * stride
            stride *= 2
    return field


def answer_question(results: Results) -> Answer:
    """Returns the answer; of what has no runs it measures nothing.

    Args:
      results: with or without runs of C6.
    """
    steps = range(1, DEEPEST + 1)
    curves = {
        "with pooling": ("pooled", [find_field(n, n - 1) for n in steps]),
        "without": ("plain", [find_field(n) for n in steps]),
    }
    return Answer(
        image=IMAGE,
        pooled=find_field(3, 2),
        strided=find_field(3, 2, window=1),
        plain=find_field(3),
        deeper=find_field(9),
        lines=[
            Line(name, kind, place_points(fields))
            for name, (kind, fields) in curves.items()
        ],
        ticks=[(place_height(pixels), pixels) for pixels in range(0, MOST + 1, 10)],
        steps=[(place_step(n), n) for n in steps],
        measured=list(read_measured(results)),
    )


def read_measured(results: Results) -> list[Measured]:
    """Returns the accuracies of C6's arms, the smallest field first."""
    fields = {
        PLAIN.format(3): find_field(3),
        PLAIN.format(6): find_field(6),
        STRIDE: find_field(3, 2, window=1),
        AVERAGE: find_field(3, 2),
        MAX: find_field(3, 2),
        PLAIN.format(9): find_field(9),
    }
    known = score_arms(results, CLAIM)
    return [
        Measured(arm, field, f"{format_effect(known[arm])} %")
        for arm, field in fields.items()
        if arm in known
    ]


def score_arms(results: Results, claim: Claim) -> dict[str, float]:
    """Returns the mean accuracy of a claim's arms over their seeds, in %."""
    if results.compose is None:
        return {}
    pool = results.pool
    found = {}
    for arm in claim.arms:
        seeds = pool.values(claim, only(arm, ACCURACY)).get(arm, {})
        if seeds:
            found[arm] = fmean(one.value for one in seeds.values())
    return found


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
