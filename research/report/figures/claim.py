"""One claim: what its arms score, and its contrasts with their intervals."""

from __future__ import annotations

import textwrap
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from research import claims
from research.claims.claim import Claim
from research.claims.estimate import EXACT, estimate
from research.claims.judge import NO_MARGIN
from research.claims.measure import POINTS, Measure, only
from research.claims.pool import Pool
from research.claims.verdict import Answer, Verdict
from research.errors import UserError
from research.report.effects import Scale, scale_of
from research.report.figures.style import (
    BLACK,
    BLUE,
    GREY,
    WIDTHS,
    Width,
    add_caption,
    styled,
    title_panel,
)
from research.report.results import Results

LINE = 0.17  # inches for a line of text
NAME = 58  # characters in a line of names
SMALL = 0.01  # differences below it look like none, in any unit


class Mark(NamedTuple):
    """A name, a value and the ends of its interval, NaN where there is none."""

    name: str
    value: float
    low: float
    high: float


class Panel(NamedTuple):
    """What is drawn in one panel.

    Attributes:
      marks: from top to bottom.
      nothing: the value that stands for no effect; None where values are no effects.
      margin: low and high; None where nothing is decided.
      decides: whether the marks decide the claim.
    """

    marks: list[Mark]
    nothing: float | None = None
    margin: tuple[float, float] | None = None
    decides: bool = False


@styled
def draw(results: Results, *, claim: str, width: Width = "two") -> Figure:
    """Draws a panel of the arms' values, one of each question, then of what is beside.

    Args:
      results: with runs of the experiments.
      claim: its id, such as `c3`.
      width: `one` or `two` columns.

    Raises:
      UserError: there are no rows for it.
    """
    declared = claims.load()[claim]
    found = {one.id: one for one in results.verdicts}[claim.upper()]
    panels = collect_panels(declared, found, results.pool)
    if not panels:
        raise UserError(f"no rows of {claim}; run `{found.command}`")
    heights = [sum(map(count_lines, panel.marks)) + 4 for panel in panels.values()]
    size = (WIDTHS[width], LINE * sum(heights) + 0.5)
    figure = Figure(size, dpi=200)  # as it is saved: small text is wider there
    grid = figure.subplots(
        len(panels), squeeze=False, gridspec_kw={"height_ratios": heights}
    )[:, 0]
    for index, (axes, (title, panel)) in enumerate(
        zip(grid, panels.items(), strict=True)
    ):
        draw_forest(axes, panel)
        title_panel(axes, index, textwrap.shorten(title, 84, placeholder=" …"))
    words = "; ".join(
        f"{one.key}: {one.verdict}".removeprefix(": ") for one in found.answers
    )
    add_caption(figure, f"{found.id}: {words or found.verdict}. Bars: 95 %.")
    return figure


def collect_panels(claim: Claim, verdict: Verdict, pool: Pool) -> dict[str, Panel]:
    """Returns what there is to draw, by title: values, questions, then by unit."""
    panels: dict[str, Panel] = {}
    for measure in find_measures(claim):
        panels[title_measure(measure)] = Panel(measure_arms(claim, pool, measure))
    for answer in verdict.answers:
        panels[answer.asks] = draw_question(answer)
    for one in verdict.details:
        if one["effect"] is not None:
            scale = scale_of(one["unit"])
            panel = panels.setdefault(
                f"beside, in {scale.unit}", Panel([], scale.nothing)
            )
            panel.marks.append(
                mark(one["contrast"], one["effect"], one["low"], one["high"], scale)
            )
    return {title: panel for title, panel in panels.items() if panel.marks}


def find_measures(claim: Claim) -> list[Measure]:
    """Returns the numbers of single runs that the questions compare, each once."""
    compared = [
        contrast.measure
        for question in claim.questions.values()
        for contrast in question.cases.values()
    ]
    found = {repr(one): one for one in compared if isinstance(one, Measure)}
    return [*found.values()]


def draw_question(answer: Answer) -> Panel:
    """Returns the cases of a question, against its margin."""
    scale = scale_of(answer.unit)
    marks = [
        mark(case.name or answer.verdict, case.effect, case.low, case.high, scale)
        for case in answer.cases
        if case.effect is not None
    ]
    ends = [scale.show(sign * answer.margin) or 0.0 for sign in (-1, 1)]
    return Panel(marks, scale.nothing, (ends[0], ends[1]), decides=True)


def mark(
    name: str, effect: float, low: float | None, high: float | None, scale: Scale
) -> Mark:
    """Returns a mark, in the unit that people read."""
    ends = [scale.show(end) for end in (effect, low, high)]
    return Mark(name, *(np.nan if end is None else end for end in ends))


def title_measure(measure: Measure) -> str:
    """Names a measure by what is drawn of it: `accuracy, in %`."""
    log2 = "log2 of " if measure.log2 else ""
    percent = ", in %" if measure.unit == POINTS else ""
    return log2 + measure.name + percent


def measure_arms(claim: Claim, pool: Pool, measure: Measure) -> list[Mark]:
    """Returns the values of the arms that are compared in a measure, by name."""
    contrasts = [
        one for question in claim.questions.values() for one in question.contrasts
    ]
    compared = dict.fromkeys(
        arm
        for one in [*contrasts, *claim.details.values()]
        if one.measure == measure
        for arm in one.arms
    )
    found = []
    for arm in compared:
        one = estimate(pool, claim, only(arm, measure), NO_MARGIN)
        if one.differences:
            low, high, how = one.test.interval
            seeds = "" if one.test.n > 1 or how == EXACT else " (1 seed)"
            found.append(Mark(arm + seeds, one.test.mean, low, high))
    return found


def draw_forest(axes: Axes, panel: Panel) -> None:
    """Draws values with intervals, one under the other, and the margin if any."""
    heights = np.array([count_lines(mark) for mark in panel.marks])
    places = np.cumsum(heights) - heights / 2
    for place, one in zip(places, panel.marks, strict=True):
        color = BLACK if panel.decides else BLUE
        axes.plot([one.low, one.high], [place, place], color=color, lw=1.2)
        axes.plot(one.value, place, "o", color=color, ms=4)
    if panel.margin is not None:
        axes.axvspan(*panel.margin, color=GREY, alpha=0.15, lw=0, zorder=0)
    if panel.nothing is not None:
        mark_nothing(axes, panel.nothing)
    axes.set_yticks(places, [textwrap.fill(mark.name, NAME) for mark in panel.marks])
    axes.tick_params(axis="y", labelsize=6)
    axes.set_ylim(heights.sum() + 0.5, -0.5)


def mark_nothing(axes: Axes, nothing: float) -> None:
    """Marks no difference, and shows a little around it where nothing differs."""
    axes.axvline(nothing, color=GREY, lw=0.6, zorder=0)
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, nothing - SMALL), max(high, nothing + SMALL))


def count_lines(mark: Mark) -> int:
    """Returns how many lines a name takes."""
    return len(textwrap.wrap(mark.name, NAME)) or 1
