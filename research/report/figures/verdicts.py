"""All verdicts in one picture: every effect that decides, in units of its margin."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from research.claims.verdict import (
    DESCRIPTIVE,
    NO_DIFFERENCE,
    NOT_RUN,
    REFUTED,
    SUPPORTED,
    UNDETERMINED,
    Answer,
    Verdict,
)
from research.report.estimates import format_seeds
from research.report.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    PURPLE,
    RED,
    Width,
    add_caption,
    create_axes,
    styled,
)
from research.report.results import Results

COLORS = {
    SUPPORTED: (BLUE, "o"),
    REFUTED: (RED, "s"),
    NO_DIFFERENCE: (GREEN, "v"),
    UNDETERMINED: (GREY, "D"),
    NOT_RUN: (GREY, "x"),
}
DEPENDS = (PURPLE, "^")
WORDS = 62  # characters in a line of the picture
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

    The axis is linear between −1 and 1, the margins, and logarithmic beyond.

    Args:
      results: with runs of the experiments.
      width: `one` or `two` columns.

    Raises:
      UserError: there are no runs of the experiments.
    """
    found = [
        (one, answer) for one in results.verdicts for answer in one.answers or [None]
    ]
    figure, axes = create_axes(width, 0.42 * len(found) + 1)
    axes.set_xscale("symlog", linthresh=1)
    axes.axvspan(-1, 1, color=GREY, alpha=0.12, lw=0, zorder=0)
    for place, (_, answer) in enumerate(found):
        if answer is not None:
            draw_answer(axes, place, answer)
    axes.set_yticks(range(len(found)), [label_answer(*one) for one in found])
    for tick, (_, answer) in zip(axes.get_yticklabels(), found, strict=True):
        tick.set_color(style_answer(answer)[0])
    axes.invert_yaxis()
    axes.axvline(0, color=GREY, lw=0.6, zorder=0)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "−"))
    axes.set_xlabel("Effect, in units of its margin")
    counts = [case.n for _, one in found if one is not None for case in one.cases]
    seeds = format_seeds(pd.Series([n for n in counts if n] or [0]))
    text = f"Bars: 95 % intervals, {seeds}; one for each case."
    add_caption(figure, f"{text} Shaded: within the margin.")
    return figure


def draw_answer(axes: Axes, place: int, one: Answer) -> None:
    """Draws the effect in each case of a question."""
    color, marker = style_answer(one)
    drawn = [case for case in one.cases if case.effect is not None]
    if not drawn:
        axes.annotate("no rows yet", (1, place), (6, 0), **BESIDE)
        return
    heights = np.linspace(-0.28, 0.28, len(drawn)) if len(drawn) > 1 else [0.0]
    thin = 0.6 if len(drawn) > MANY else 1
    size = abs(one.margin) or 1.0
    for height, case in zip(heights, drawn, strict=True):
        at, effect = place + height, case.effect or 0.0
        ends = [effect if end is None else end for end in (case.low, case.high)]
        axes.plot([end / size for end in ends], 2 * [at], color=color, lw=1.6 * thin)
        axes.plot(effect / size, at, marker, color=color, ms=5 * thin)


def style_answer(one: Answer | None) -> tuple[str, str]:
    """Returns the colour and marker of an answer; of none: a descriptive claim."""
    return (BLACK, "") if one is None else COLORS.get(one.verdict, DEPENDS)


def label_answer(one: Verdict, answer: Answer | None) -> str:
    """Returns what stands beside an effect: id, question, sentence, verdict."""
    sentence = textwrap.shorten(one.sentence, WORDS, placeholder=" …")
    if answer is None:
        return f"{one.id}  {sentence}\n{DESCRIPTIVE}"
    key = f", {answer.key}" if answer.key else ""
    return f"{one.id}{key}  {sentence}\n{answer.verdict}"
