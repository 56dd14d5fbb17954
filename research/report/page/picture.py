"""Effects and intervals against zero and the margin: where each line of a picture lies.

`assets/verdicts.html` draws it as SVG.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from research.claims.verdict import Case, Verdict
from research.report.formats import format_interval, has_interval

WIDTH, EDGE = 220, 10  # in units of its own
STEP, ROOM = 14, 20  # for each interval, and above and below


class Bar(NamedTuple):
    """One interval: its ends and the effect from the left, its height from the top."""

    low: str
    high: str
    effect: str
    y: float


class Picture(NamedTuple):
    """Where everything is drawn, and the same in words.

    Attributes:
      width: of the picture.
      height: of the picture.
      zero: no effect, from the left.
      margin: what supports the sentence begins here.
      bars: one for each case that has rows.
      label: for whoever does not see it.
      caption: below it.
    """

    width: int
    height: int
    zero: str
    margin: str
    bars: list[Bar]
    label: str
    caption: str


def draw_intervals(verdict: Verdict) -> Picture | None:
    """Returns the picture of a verdict's effects; None where no case has rows."""
    cases = [
        case
        for case in verdict.cases
        if case.effect is not None and math.isfinite(case.effect)
    ]
    if not cases:
        return None
    ends = [interval_of(case) for case in cases]
    margin = float(verdict.margin)
    values = [margin, 0.0, *(end for pair in ends for end in pair)]
    least, most = min(values), max(values)
    scale = (WIDTH - 2 * EDGE) / ((most - least) or 1)

    def place(value: float) -> str:
        return f"{EDGE + (value - least) * scale:.1f}"

    bars = [
        Bar(place(low), place(high), place(case.effect), ROOM / 2 + STEP * (i + 0.5))
        for i, (case, (low, high)) in enumerate(zip(cases, ends, strict=True))
    ]
    return Picture(
        width=WIDTH,
        height=ROOM + STEP * len(cases),
        zero=place(0.0),
        margin=place(margin),
        bars=bars,
        label=describe_picture(cases, verdict),
        caption=f"{summarise_effects(cases)} {verdict.unit}",
    )


def interval_of(case: Case) -> tuple[float, float]:
    """Returns the ends of an interval, or the effect twice where there is none."""
    if has_interval(case.low, case.high):
        return case.low, case.high
    return case.effect, case.effect


def describe_picture(cases: list[Case], verdict: Verdict) -> str:
    """Returns `effect flatten 4.2 [1.1, 7.3], supported above 0.5 pixels`."""
    effects = "; ".join(
        f"{case.name} {format_interval(case.effect, case.low, case.high)}".lstrip()
        for case in cases
    )
    beyond = f"supported above {format_interval(verdict.margin)} {verdict.unit}"
    return f"effect {effects}, {beyond}"


def summarise_effects(cases: list[Case]) -> str:
    """Returns the effect with its interval, or the range of several effects."""
    if len(cases) == 1:
        return format_interval(cases[0].effect, cases[0].low, cases[0].high)
    effects = [case.effect for case in cases]
    ends = [format_interval(end) for end in (min(effects), max(effects))]
    return f"{' to '.join(ends)}, {len(cases)} cases,"
