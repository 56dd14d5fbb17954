"""The small plots of a verdict: effects and intervals on one scale for each unit.

Places are in percent of a plot's width; `assets/verdicts.html` lays it out as a table.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from research.claims.verdict import Answer, Case
from research.report.page.words import (
    Unit,
    find_ends,
    is_known,
    list_known,
    read_unit,
    state_finding,
)
from research.report.words import spell_arms

EDGE = 0.04  # of a scale, beyond its ends
TICKS = 8  # at most, about
LETTERS = 32  # of all ticks of an axis
NICE = (1, 2, 5, 10)
MANY = 1000  # from which on a power of two is no round number


class Scale(NamedTuple):
    """A scale: its ends, in effects."""

    low: float
    high: float

    def place(self, value: float) -> float:
        """Returns where an effect lies, in percent from the left."""
        return round(100 * (value - self.low) / (self.high - self.low), 2)


class Row(NamedTuple):
    """One case of a plot.

    Attributes:
      name: of the case; empty where there is one.
      text: effect and interval.
      low: where the interval begins.
      width: of the interval.
      dot: where the effect lies.
    """

    name: str
    text: str
    low: float
    width: float
    dot: float


class Plot(NamedTuple):
    """Where everything is drawn.

    Attributes:
      title: what came out.
      rows: one for each case that has rows, the largest effect first.
      unit: of the effects.
      zero: no effect; None where values are no effects.
      margin: where it begins, and how wide it is; 0: a threshold; None: there is none.
      ticks: where, and what of.
      better: which way is.
    """

    title: str
    rows: list[Row]
    unit: str
    zero: float | None
    margin: tuple[float, float] | None
    ticks: list[tuple[float, str]]
    better: str


def measure_scales(answers: Iterable[Answer]) -> dict[str, Scale]:
    """Returns the scale that all answers of a unit share, by unit.

    Those of one claim: its margin would be a hair's breadth beside others' effects.
    """
    values: dict[str, list[float]] = {}
    for answer in answers:
        if any(map(is_known, answer.cases)):
            found = values.setdefault(answer.unit, [0.0])
            found += [*find_ends(answer), *list_ends(answer)]
    return {unit: widen_range(min(each), max(each)) for unit, each in values.items()}


def widen_range(low: float, high: float) -> Scale:
    """Returns a scale with some room at both ends."""
    room = EDGE * ((high - low) or 1.0)
    return Scale(low - room, high + room)


def list_ends(answer: Answer) -> Iterator[float]:
    """Yields the effects of an answer and the ends of their intervals."""
    for case in filter(is_known, answer.cases):
        yield from find_interval(case)


def find_interval(case: Case) -> tuple[float, float, float]:
    """Returns the effect of a case and the ends of its interval."""
    effect = case.effect or 0.0
    low = effect if case.low is None else case.low
    high = effect if case.high is None else case.high
    return effect, low, high


def draw_plot(answer: Answer, scale: Scale) -> Plot:
    """Returns the plot of an answer's effects.

    Args:
      answer: with rows in some case.
      scale: of its unit.
    """
    unit = read_unit(answer.unit)
    low, high = map(scale.place, find_ends(answer))
    return Plot(
        title=state_finding(answer),
        rows=[draw_case(one, unit, scale) for one in list_known(answer)],
        unit=unit.name,
        zero=scale.place(0.0),
        margin=(low, round(high - low, 2)),
        ticks=list_ticks(unit, scale),
        better=unit.better,
    )


def draw_case(case: Case, unit: Unit, scale: Scale) -> Row:
    """Returns one line of a plot."""
    effect, low, high = find_interval(case)
    ends = () if case.low is None or case.high is None else (low, high)
    start = scale.place(low)
    return Row(
        name=spell_arms(case.name),
        text=unit.format(effect, *ends),
        low=start,
        width=round(scale.place(high) - start, 2),
        dot=scale.place(effect),
    )


def list_ticks(unit: Unit, scale: Scale) -> list[tuple[float, str]]:
    """Returns where the ticks of a scale are, and what they say.

    Of many long ones every second, third, …, so that they stay apart on a phone.
    """
    ticks = [
        (scale.place(unit.place(shown)), format_tick(shown))
        for shown in choose_ticks(unit, scale)
    ]
    letters = sum(len(text) for _, text in ticks)
    return ticks[:: math.ceil(letters / LETTERS) or 1]


def choose_ticks(unit: Unit, scale: Scale) -> list[float]:
    """Returns round numbers on a scale, as they are shown.

    Of ratios powers of two, unless the scale is less than a factor of four long; of
    thousands 1, 2 and 5 of each power of ten.
    """
    low, high = unit.show(scale.low), unit.show(scale.high)
    if not unit.base or high < 4 * low:
        return list_multiples(low, high, choose_step((high - low) / TICKS))
    if low >= MANY:
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)))
        round_numbers = (one * 10.0**each for each in decades for one in NICE[:-1])
        return [one for one in round_numbers if low <= one <= high]
    ends = math.ceil(math.log2(low)), math.floor(math.log2(high))
    step = math.ceil((ends[1] - ends[0]) / TICKS) or 1
    powers = range(ends[0], ends[1] + 1)
    return [2.0**power for power in powers if power % step == 0]


def choose_step(least: float) -> float:
    """Returns the first of 1, 2, 5, 10, … that is not below a number."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * one for one in NICE if power * one >= least * (1 - 1e-9))


def list_multiples(low: float, high: float, step: float) -> list[float]:
    """Returns the multiples of a step from a number to another."""
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def format_tick(value: float) -> str:
    """Returns a number without zeros at its end; from 10,000 on in thousands.

    From a million on in millions.
    """
    if abs(value) >= 1_000_000:
        return f"{value / 1e6:,g}M"
    if abs(value) >= 10_000:
        return f"{value / 1000:,.0f}k"
    return f"{value:,.4g}".replace("-", "−") if value else "0"
