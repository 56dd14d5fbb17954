"""The answer to the question that was asked, for the head of the page: static text.

How does removing the max pooling layers reduce the amount of the initial image that we
are looking at? Fields and costs are arithmetic; what a network makes of them is
measured by the runs of C6.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from typing import NamedTuple

from research.claims.c6 import CLAIM, MAX, PLAIN, STRIDE
from research.claims.claim import Claim
from research.claims.measure import ACCURACY, only
from research.report.formats import format_effect, format_number
from research.report.page.fields import (
    Chart,
    count_products,
    draw_fields,
    find_field,
    shrink_maps,
)
from research.report.results import Results

IMAGE = 28  # rows of an image of MNIST
MARKED = 32  # rows of an image of C6
WIDTHS = (16, 32)  # channels of C6's networks: of the first convolution, of all others
BOOK_WIDTH, BOOK_UNITS = 64, 512  # channels of the book's last map, units on top of it


class View(NamedTuple):
    """What a unit of one network sees of the image, and what that costs.

    Attributes:
      name: of the network, in words.
      kind: class in the style.
      field: pixels that it sees, along an axis.
      start: where they begin, in the middle of the image.
      cost: multiply-adds, as text.
      times: how many times those with two max poolings; empty for these themselves.
      accuracy: on marks 14 pixels apart, as text; empty where there are no runs.
    """

    name: str
    kind: str
    field: int
    start: float
    cost: str
    times: str
    accuracy: str


class Book(NamedTuple):
    """The example of the book: the last map and the dense layer on top of it.

    Attributes:
      side: rows of the last map.
      values: of the last map.
      weights: of the dense layer, in millions.
    """

    side: int
    values: str
    weights: str


class Answer(NamedTuple):
    """What the head of the page says.

    Attributes:
      image: rows of an image.
      pooled: pixels that three convolutions see with two poolings.
      strided: pixels that they see with two bare strides.
      plain: pixels that they see without.
      deeper: pixels that nine see without.
      dearer: how many times the multiply-adds of the pooled three these nine take.
      views: of the four networks, as pictures.
      measured: whether accuracies are known.
      chart: fields against depth.
      unpooled: the example of the book without pooling.
      book: the same with two poolings.
      width: channels of the book's last map.
      units: of its dense layer.
    """

    image: int
    pooled: int
    strided: int
    plain: int
    deeper: int
    dearer: str
    views: list[View]
    measured: bool
    chart: Chart
    unpooled: Book
    book: Book
    width: int = BOOK_WIDTH
    units: int = BOOK_UNITS


def answer_question(results: Results) -> Answer:
    """Returns the answer; of what has no runs it measures nothing.

    Args:
      results: with or without runs of C6.
    """
    views = list_views(score_arms(results, CLAIM))
    pooled, plain, strided, deeper = views
    return Answer(
        image=IMAGE,
        pooled=pooled.field,
        strided=strided.field,
        plain=plain.field,
        deeper=deeper.field,
        dearer=deeper.times,
        views=views,
        measured=any(one.accuracy for one in views),
        chart=draw_fields(IMAGE),
        unpooled=describe_book(poolings=0),
        book=describe_book(poolings=2),
    )


def list_views(scores: Mapping[str, float]) -> list[View]:
    """Returns the four networks that answer the question.

    Args:
      scores: accuracies by arm of C6, in %.
    """
    first, other = WIDTHS
    three, nine = [first, other, other], [first, *[other] * 8]
    networks = [
        (
            "three convolutions, two max poolings",
            "pooled",
            MAX,
            find_field(3, 2),
            count_products(three, MARKED, 2),
        ),
        (
            "three convolutions, nothing else",
            "plain",
            PLAIN.format(3),
            find_field(3),
            count_products(three, MARKED),
        ),
        (
            "three convolutions, two bare strides",
            "pooled",
            STRIDE,
            find_field(3, 2, window=1),
            count_products(three, MARKED, 2, strided=True),
        ),
        (
            "nine convolutions, nothing else",
            "plain",
            PLAIN.format(9),
            find_field(9),
            count_products(nine, MARKED),
        ),
    ]
    base = networks[0][-1]
    return [
        View(
            name=name,
            kind=kind,
            field=field,
            start=(IMAGE - field) / 2,
            cost=f"{cost / 1e6:.1f} million",
            times="" if cost == base else format_times(cost / base),
            accuracy=f"{format_effect(scores[arm])} %" if arm in scores else "",
        )
        for name, kind, arm, field, cost in networks
    ]


def format_times(ratio: float) -> str:
    """Returns a ratio of costs: a digit behind the point below ten, none above."""
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.1f}"


def describe_book(poolings: int) -> Book:
    """Returns the last map of the book's network, and the dense layer on top of it.

    Chollet, Deep Learning with Python: 3×3 convolutions without padding.
    """
    *_, side = shrink_maps(IMAGE, 3, poolings)
    values = side * side * BOOK_WIDTH
    weights = (values + 1) * BOOK_UNITS
    return Book(side, format_number(float(values)), f"{weights / 1e6:.2f} million")


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
