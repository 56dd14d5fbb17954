"""Effects and intervals against zero and the margin: where each line of a picture lies.

`assets/verdicts.html` draws it as SVG.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from research.claims.verdict import Verdict
from research.report.formats import format_interval

WIDTH, EDGE = 220, 10  # in units of its own
STEP, ROOM = 14, 20  # for each interval, and above and below


class Known(NamedTuple):
    """A case of a verdict that has rows."""

    name: str
    effect: float
    low: float | None
    high: float | None

    @property
    def ends(self) -> tuple[float, float]:
        """The ends of its interval, or the effect twice where there is none."""
        if self.low is None or self.high is None:
            return self.effect, self.effect
        return self.low, self.high

    @property
    def text(self) -> str:
        """The effect with its interval, as people read it."""
        return format_interval(self.effect, self.low, self.high)


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
      margin: what supports the sentence begins here.
      bars: one for each case that has rows.
      label: description for screen readers.
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
        Known(case.name, case.effect, case.low, case.high)
        for case in verdict.cases
        if case.effect is not None and math.isfinite(case.effect)
    ]
    if not cases:
        return None
    margin = float(verdict.margin)
    values = [margin, 0.0, *(end for case in cases for end in case.ends)]
    least, most = min(values), max(values)
    scale = (WIDTH - 2 * EDGE) / ((most - least) or 1)

    def place(value: float) -> str:
        return f"{EDGE + (value - least) * scale:.1f}"

    bars = [
        Bar(place(low), place(high), place(effect), ROOM / 2 + STEP * (i + 0.5))
        for i, (effect, (low, high)) in enumerate((c.effect, c.ends) for c in cases)
    ]
    effects = "; ".join(f"{case.name} {case.text}".lstrip() for case in cases)
    beyond = f"supported above {format_interval(verdict.margin)} {verdict.unit}"
    return Picture(
        width=WIDTH,
        height=ROOM + STEP * len(cases),
        zero=place(0.0),
        margin=place(margin),
        bars=bars,
        label=f"effect {effects}, {beyond}",
        caption=f"{summarise_effects(cases)} {verdict.unit}",
    )


def summarise_effects(cases: list[Known]) -> str:
    """Returns the effect with its interval, or the range of several effects."""
    if len(cases) == 1:
        return cases[0].text
    effects = [case.effect for case in cases]
    ends = [format_interval(end) for end in (min(effects), max(effects))]
    return f"{' to '.join(ends)}, {len(cases)} cases,"
