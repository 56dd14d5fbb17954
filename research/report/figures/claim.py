"""One claim: what its arms score, and its contrasts with their intervals."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from research import claims
from research.claims.claim import Claim
from research.claims.estimate import EXACT, estimate
from research.claims.judge import judge
from research.claims.measure import POINTS, Contrast, Measure
from research.claims.pool import Pool
from research.claims.verdict import Verdict
from research.errors import UserError
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


@styled
def draw(results: Results, *, claim: str, width: Width = "two") -> Figure:
    """Draws a panel of the arms' values, then one of the contrasts for each unit.

    Args:
      results: with runs of the experiments.
      claim: its id, such as `c3`.
      width: `one` or `two` columns.

    Raises:
      UserError: there are no rows for it.
    """
    declared, verdict = claims.load()[claim], judge(claim, results.pool)
    panels = collect_panels(declared, verdict, results.pool)
    if not panels:
        raise UserError(f"no rows of {claim}; run `{verdict.command}`")
    heights = [sum(map(count_lines, marks)) + 4 for marks in panels.values()]
    size = (WIDTHS[width], LINE * sum(heights) + 0.5)
    figure = Figure(size, dpi=200)  # as it is saved: small text is wider there
    grid = figure.subplots(
        len(panels), squeeze=False, gridspec_kw={"height_ratios": heights}
    )[:, 0]
    for index, (axes, (title, marks)) in enumerate(
        zip(grid, panels.items(), strict=True)
    ):
        decides = index > 0 and verdict.unit in title
        draw_forest(axes, marks, verdict.margin if decides else None)
        if index > 0:
            mark_zero(axes)
        title_panel(axes, index, title)
    seeds = f"{count_seeds(verdict.n)} where no other number is given"
    add_caption(figure, f"{verdict.id}: {verdict.verdict}. Bars: 95 %, {seeds}.")
    return figure


def collect_panels(claim: Claim, verdict: Verdict, pool: Pool) -> dict[str, list[Mark]]:
    """Returns what there is to draw, by title: values, then differences by unit."""
    primary = next(iter(claim.contrasts.values()))[0]
    panels = {title_measure(primary.measure): measure_arms(claim, pool, verdict.n)}
    for one in verdict.details:
        if one["effect"] is not None:
            marks = panels.setdefault(f"differences, in {one['unit']}", [])
            ends = [np.nan if one[end] is None else one[end] for end in ("low", "high")]
            name = one["contrast"] + note_seeds(one["n"], verdict.n, one["interval"])
            marks.append(Mark(name, one["effect"], *ends))
    return {title: marks for title, marks in panels.items() if marks}


def note_seeds(seeds: int, expected: int, how: str) -> str:
    """Returns ` (1 seed)` where an interval is of another number of seeds."""
    return "" if seeds == expected or how == EXACT else f" ({count_seeds(seeds)})"


def count_seeds(seeds: int) -> str:
    """Returns `1 seed` or `5 seeds`."""
    return f"{seeds} seed{'s' if seeds != 1 else ''}"


def title_measure(measure: Measure) -> str:
    """Names a measure by what is drawn of it: `agreement less 100, in %`."""
    log2 = "log2 of " if measure.log2 else ""
    less = f" less {-measure.offset:g}" if measure.offset < 0 else ""
    percent = ", in %" if measure.unit == POINTS else ""
    return log2 + measure.name + less + percent


def measure_arms(claim: Claim, pool: Pool, seeds: int) -> list[Mark]:
    """Returns the values of the arms whose primary measure is compared, by name."""
    measure = next(iter(claim.contrasts.values()))[0].measure
    primary = [one for level in claim.contrasts.values() for one in level]
    compared = {
        arm
        for one in [*primary, *claim.details.values()]
        if one.measure == measure
        for arm in one.arms
    }
    found = []
    for arm, values in pool.values(claim, measure).items():
        if arm in compared:
            one = estimate(Contrast({arm: 1.0}, measure), {arm: values})
            label = arm + note_seeds(one.seeds, seeds, one.interval.how)
            found.append(Mark(label, one.effect, one.interval.low, one.interval.high))
    return found


def draw_forest(axes: Axes, marks: Sequence[Mark], margin: float | int | None) -> None:
    """Draws values with intervals, one under the other, and the margin if any."""
    heights = np.array([count_lines(mark) for mark in marks])
    places = np.cumsum(heights) - heights / 2
    for place, mark in zip(places, marks, strict=True):
        color = BLACK if mark.name.startswith("primary") else BLUE
        axes.plot([mark.low, mark.high], [place, place], color=color, lw=1.2)
        axes.plot(mark.value, place, "o", color=color, ms=4)
    if margin is not None:
        axes.axvline(margin, color=BLACK, lw=0.8, ls="--")
    axes.set_yticks(places, [textwrap.fill(mark.name, NAME) for mark in marks])
    axes.tick_params(axis="y", labelsize=6)
    axes.set_ylim(heights.sum() + 0.5, -0.5)


def mark_zero(axes: Axes) -> None:
    """Marks no difference, and shows a little around it where nothing differs."""
    axes.axvline(0, color=GREY, lw=0.6, zorder=0)
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, -SMALL), max(high, SMALL))


def count_lines(mark: Mark) -> int:
    """Returns how many lines a name takes."""
    return len(textwrap.wrap(mark.name, NAME))
