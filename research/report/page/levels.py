"""The small plots of arms: what each scores by itself, beside what is compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from research import claims
from research.claims.measure import POINTS, Measure
from research.claims.verdict import NOT_RUN, Verdict
from research.report.effects import Scale as Shown
from research.report.levels import (
    Level,
    format_level,
    list_measures,
    measure_levels,
    prefer,
)
from research.report.page.picture import Plot, Row, Scale, list_ticks, widen_range
from research.report.page.words import Unit
from research.report.results import Results
from research.report.words import capitalize, spell_arms

ARROWS = {1: "better →", -1: "← better", 0: ""}


class Measured(NamedTuple):
    """What the arms of a claim score in one measure, the highest first."""

    measure: Measure
    levels: list[Level]


def draw_levels(results: Results, verdicts: Iterable[Verdict]) -> dict[str, list[Plot]]:
    """Returns the plots of the arms, by the id of the verdict.

    Args:
      results: that the verdicts are on; without the configs of arms there are no plots.
      verdicts: those that have no rows have no plots.
    """
    if results.compose is None:
        return {}
    run = [one.id for one in verdicts if one.kind != NOT_RUN]
    return {
        name: [*map(draw_measured, measure_arms(results, name.lower()))] for name in run
    }


def measure_arms(results: Results, name: str) -> Iterator[Measured]:
    """Yields each measure that two arms of a claim or more have rows of."""
    claim = claims.load()[name]
    for measure in list_measures(claim):
        levels = measure_levels(claim, results.pool, measure)
        if len(levels) > 1:
            yield Measured(measure, levels)


def measure_scale(found: Measured) -> Scale:
    """Returns the scale of a plot: from the least to the greatest end."""
    values = [
        end
        for level in found.levels
        for end in (level.value, level.low, level.high)
        if end is not None
    ]
    return widen_range(min(values), max(values))


def draw_measured(found: Measured) -> Plot:
    """Returns the plot of one measure, a line for each arm."""
    scale = measure_scale(found)
    measure = found.measure
    share = measure.unit == POINTS
    unit = Unit(Shown("%" if share else "", 2.0 if measure.log2 else 0.0), "")
    name = capitalize(measure.name)
    return Plot(
        title=f"{name}{', in %' if share else ''}: {say_seeds(found.levels)}",
        rows=[draw_level(one, measure, scale) for one in found.levels],
        unit=unit.name or ("" if measure.log2 else measure.unit),
        zero=None,
        margin=None,
        ticks=list_ticks(unit, scale),
        better=ARROWS[prefer(measure)],
    )


def say_seeds(levels: list[Level]) -> str:
    """Returns over what the means and intervals of arms are."""
    if all(one.exact for one in levels):
        return "exact counts"
    counts = sorted({one.n for one in levels})
    seeds = " to ".join(str(n) for n in dict.fromkeys([counts[0], counts[-1]]))
    return f"mean and 95 % interval, {seeds} seed{'s'[: counts[-1] > 1]}"


def draw_level(level: Level, measure: Measure, scale: Scale) -> Row:
    """Returns the line of one arm."""
    low = level.value if level.low is None else level.low
    high = level.value if level.high is None else level.high
    start = scale.place(low)
    return Row(
        name=spell_arms(level.arm),
        text=format_level(level, measure),
        low=start,
        width=round(scale.place(high) - start, 2),
        dot=scale.place(level.value),
    )
