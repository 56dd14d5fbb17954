"""What the page shows of each verdict, as text: `assets/verdicts.html` lays it out."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

from research.claims.verdict import INCONCLUSIVE, REFUTED, SUPPORTED, Case, Verdict
from research.report.formats import (
    format_cell,
    format_interval,
    format_p,
)
from research.report.page.picture import Picture, draw_intervals

DEPENDS = "depends"
MARKS = {SUPPORTED: "✓", REFUTED: "✗", DEPENDS: "±", INCONCLUSIVE: "?"}


class Effect(NamedTuple):
    """One effect: its case, value, interval with unit, and how the interval was made.

    Without rows the value is empty.
    """

    term: str
    value: str
    interval: str


class Shown(NamedTuple):
    """A verdict as text.

    Attributes:
      verdict: as it was judged.
      kind: `supported`, `refuted`, `depends` or `inconclusive`.
      mark: a sign for it.
      depends: what the verdict depends on; empty if nothing.
      picture: of its intervals; None without rows.
      effects: in each case.
      rule: what decides.
      p: term and value of the p values; None where there are none.
      remarks: each in pieces, of which every second is code.
      head: the names of further numbers.
      body: these numbers, a line each.
      figures: names of the figures that are put in when it opens.
    """

    verdict: Verdict
    kind: str
    mark: str
    depends: str
    picture: Picture | None
    effects: list[Effect]
    rule: str
    p: tuple[str, str] | None
    remarks: list[list[str]]
    head: list[str]
    body: list[list[str]]
    figures: list[str]


def describe_verdict(verdict: Verdict, figures: Collection[str]) -> Shown:
    """Returns one verdict as text.

    Args:
      verdict: to show.
      figures: names of those that may be shown.
    """
    kind, _, depends = verdict.verdict.partition(":")
    margin = f"{format_interval(verdict.margin)} {verdict.unit}"
    return Shown(
        verdict=verdict,
        kind=kind.strip(),
        mark=MARKS.get(kind.strip(), "?"),
        depends=depends.strip().removeprefix("on "),
        picture=draw_intervals(verdict),
        effects=[describe_effect(case, verdict.unit) for case in verdict.cases],
        rule=f"supported if the interval lies above {margin}, refuted if below",
        p=describe_p(verdict),
        remarks=[re.split("`([^`]+)`", line) for line in verdict.remarks],
        head=[str(name) for line in verdict.details[:1] for name in line],
        body=[list(map(format_cell, line.values())) for line in verdict.details],
        figures=[name for name in verdict.figures if name in figures],
    )


def describe_effect(case: Case, unit: str) -> Effect:
    """Returns one effect with its interval and how that was made."""
    term = f"Effect, {case.name}" if case.name else "Effect"
    if case.effect is None:
        return Effect(term, "", "no rows yet")
    text = format_interval(case.effect, case.low, case.high)
    value, space, ends = text.partition(" ")
    level = "95 %, " if ends else ""
    return Effect(term, value, f"{space}{ends} {unit}; {level}{case.interval}")


def describe_p(verdict: Verdict) -> tuple[str, str] | None:
    """Returns what p tests, and p before and after Holm's rule; None without p."""
    if verdict.p is None:
        return None
    null = "an effect at the margin" if verdict.margin < 0 else "no effect"
    largest = ", the largest over the cases" if len(verdict.cases) > 1 else ""
    adjusted = verdict.adjusted
    holm = "" if adjusted is None else f"; {format_p(adjusted)} after Holm"
    return f"p of {null}", f"{format_p(verdict.p)}{largest}{holm}"


def count_kinds(verdicts: Sequence[Verdict]) -> str:
    """Returns `1 supported, 2 refuted, 2 depend`."""
    kinds = [verdict.verdict.partition(":")[0].strip() for verdict in verdicts]
    counts = {kind: kinds.count(kind) for kind in MARKS if kind in kinds}
    return ", ".join(
        f"{n} {'depend' if kind == DEPENDS and n > 1 else kind}"
        for kind, n in counts.items()
    )


def find_common(verdicts: Sequence[Verdict], figures: Collection[str]) -> list[str]:
    """Returns the figures that all verdicts name: shown once, not in each of them."""
    if len(verdicts) < 2:
        return []
    common = set(figures).intersection(*(verdict.figures for verdict in verdicts))
    return [name for name in verdicts[0].figures if name in common]
