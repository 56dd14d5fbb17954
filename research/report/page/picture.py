"""Effects and intervals against the margin: where each line of a picture lies.

`assets/verdicts.html` draws it as SVG.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from research.claims.verdict import Answer
from research.report.effects import format_case, format_rule, scale_of

WIDTH, EDGE = 220, 10  # in units of its own
STEP, ROOM = 14, 20  # for each interval, and above and below
MOST = 4  # intervals that are drawn apart; more lie closer


class Bar(NamedTuple):
    """One interval: its ends and the effect from the left, its height from the top."""

    low: str
    high: str
    effect: str
    y: float


class Picture(NamedTuple):
    """Where everything is drawn, and a description in words.

    Attributes:
      width: of the picture.
      height: of the picture.
      zero: no effect, from the left.
      low: where the margin begins.
      high: where it ends.
      bars: one for each case that has rows.
      label: description for screen readers.
      caption: below it.
    """

    width: int
    height: int
    zero: str
    low: str
    high: str
    bars: list[Bar]
    label: str
    caption: str


def draw_intervals(answer: Answer) -> Picture | None:
    """Returns the picture of an answer's effects; None where no case has rows."""
    known = [
        (case, case.effect, case.effect if case.low is None else case.low)
        + (case.effect if case.high is None else case.high,)
        for case in answer.cases
        if case.effect is not None and math.isfinite(case.effect)
    ]
    if not known:
        return None
    margin = abs(answer.margin)
    values = [-margin, margin, 0.0, *(end for one in known for end in one[2:])]
    least, most = min(values), max(values)
    scale = (WIDTH - 2 * EDGE) / ((most - least) or 1)
    step = STEP * min(1.0, MOST / len(known))

    def place(value: float) -> str:
        return f"{EDGE + (value - least) * scale:.1f}"

    bars = [
        Bar(
            place(low),
            place(high),
            place(effect),
            round(ROOM / 2 + step * (i + 0.5), 1),
        )
        for i, (_, effect, low, high) in enumerate(known)
    ]
    texts = [format_case(case, answer.unit) for case, *_ in known]
    shown = scale_of(answer.unit)
    return Picture(
        width=WIDTH,
        height=ROOM + math.ceil(step * len(known)),
        zero=place(0.0),
        low=place(-margin),
        high=place(margin),
        bars=bars,
        label=f"effect {'; '.join(texts)} {shown.unit}, {format_rule(answer)}",
        caption=f"{summarise(texts)} {shown.unit}",
    )


def summarise(texts: list[str]) -> str:
    """Returns the effect of one case or of two, or how many cases there are."""
    return f"{len(texts)} cases, in" if len(texts) > 2 else "; ".join(texts)
