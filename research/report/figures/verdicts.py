"""All verdicts in one picture: every effect, in units of its margin."""

from __future__ import annotations

import math
import textwrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from research.claims.verdict import INCONCLUSIVE, REFUTED, SUPPORTED, Verdict
from research.report.estimates import format_seeds
from research.report.figures.style import (
    BLUE,
    GREY,
    PURPLE,
    RED,
    Width,
    add_caption,
    create_axes,
    styled,
)
from research.report.results import Results

COLORS = {SUPPORTED: (BLUE, "o"), REFUTED: (RED, "s"), INCONCLUSIVE: (GREY, "D")}
DEPENDS = (PURPLE, "^")
SENTENCE = 62  # characters in a line of the picture
BESIDE: dict[str, Any] = {
    "textcoords": "offset points",
    "va": "center",
    "color": GREY,
    "fontsize": 7,
}
MANY = 3  # cases in a line of the picture; more are drawn thin


@styled
def draw(results: Results, *, width: Width = "two") -> Figure:
    """Draws all effects with their intervals, in units of the margin.

    The axis is linear between −1 and 1 and logarithmic beyond: what is of interest
    begins at 1 or, where the sentence says "no worse", at −1.

    Args:
      results: with runs of the experiments.
      width: `one` or `two` columns.

    Raises:
      UserError: there are no runs of the experiments.
    """
    found = results.verdicts
    figure, axes = create_axes(width, 0.42 * len(found) + 1)
    axes.set_xscale("symlog", linthresh=1)
    for place, one in enumerate(found):
        draw_verdict(axes, place, one)
    axes.set_yticks(range(len(found)), [label_claim(one) for one in found])
    for tick, one in zip(axes.get_yticklabels(), found, strict=True):
        tick.set_color(style_verdict(one)[0])
    axes.invert_yaxis()
    axes.axvline(0, color=GREY, lw=0.6, zorder=0)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "−"))
    axes.set_xlabel("Effect, in units of its margin")
    seeds = format_seeds(pd.Series([one.n for one in found if one.n] or [0]))
    text = f"Bars: 95 % intervals, {seeds}; one for each case."
    add_caption(figure, f"{text} Black: what they must lie above.")
    return figure


def draw_verdict(axes: Axes, place: int, one: Verdict) -> None:
    """Draws the effect of one claim in each of its cases, and what it must exceed."""
    color, marker = style_verdict(one)
    threshold = math.copysign(1, one.margin)
    axes.plot(2 * [threshold], [place - 0.35, place + 0.35], color="black", lw=1)
    if one.effect is None:
        axes.annotate("no rows yet", (threshold, place), (6, 0), **BESIDE)
        return
    drawn = [
        (
            case.effect,
            [case.effect if end is None else end for end in (case.low, case.high)],
        )
        for case in one.cases
        if case.effect is not None
    ]
    heights = np.linspace(-0.28, 0.28, len(drawn)) if len(drawn) > 1 else [0.0]
    thin = 0.6 if len(drawn) > MANY else 1
    for height, (effect, ends) in zip(heights, drawn, strict=True):
        at, size = place + height, abs(one.margin)
        bar = [end / size for end in ends]
        axes.plot(bar, 2 * [at], color=color, lw=1.6 * thin)
        axes.plot(effect / size, at, marker, color=color, ms=5 * thin)


def style_verdict(one: Verdict) -> tuple[str, str]:
    """Returns the colour and marker of a verdict."""
    return COLORS.get(one.verdict, DEPENDS)


def label_claim(one: Verdict) -> str:
    """Returns what stands beside an effect: id, sentence, verdict."""
    sentence = textwrap.shorten(one.sentence, SENTENCE, placeholder=" …")
    return f"{one.id}  {sentence}\n{one.verdict}"
