"""What the page shows of each verdict, as text: `assets/verdicts.html` lays it out."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

from research.claims.verdict import (
    DEPENDS,
    DESCRIPTIVE,
    NO_DIFFERENCE,
    NOT_RUN,
    REFUTED,
    SUPPORTED,
    UNDETERMINED,
    Answer,
    Case,
    Verdict,
)
from research.report.effects import format_rule, scale_of
from research.report.formats import format_cell, format_p
from research.report.page.picture import Picture, draw_intervals

MARKS = {
    SUPPORTED: "✓",
    REFUTED: "✗",
    NO_DIFFERENCE: "=",
    DEPENDS: "±",
    UNDETERMINED: "?",
    NOT_RUN: "…",
    DESCRIPTIVE: "·",
}


class Effect(NamedTuple):
    """One effect: its case, value, interval with unit, and what is known beside.

    Without rows the value is empty.
    """

    term: str
    value: str
    interval: str


class ShownAnswer(NamedTuple):
    """An answer as text.

    Attributes:
      key: of the question; empty where a claim has one.
      asks: what is compared.
      verdict: as it was judged.
      kind: class of its colour.
      picture: of its intervals; None without rows.
      effects: in each case.
      rule: what decides.
      p: before and after Holm's rule; empty where there is none.
      interaction: how the first two cases differ; empty where they are none.
    """

    key: str
    asks: str
    verdict: str
    kind: str
    picture: Picture | None
    effects: list[Effect]
    rule: str
    p: str
    interaction: str


class Shown(NamedTuple):
    """A verdict as text.

    Attributes:
      verdict: as it was judged.
      kind: class of its colour: `supported`, `no-difference`, ….
      word: the verdict without what it depends on.
      mark: a sign for it.
      beside: what it depends on, and the answers to further questions.
      answers: to each question.
      remarks: each in pieces, of which every second is code.
      head: the names of further numbers.
      body: these numbers, a line each.
      figures: names of the figures that are put in when it opens.
    """

    verdict: Verdict
    kind: str
    word: str
    mark: str
    beside: list[str]
    answers: list[ShownAnswer]
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
    _, _, depends = verdict.verdict.partition(":")
    beside = [f"on {depends.strip()}"] if depends else []
    if len(verdict.answers) > 1 and verdict.kind != NOT_RUN:
        first, *others = verdict.answers
        beside = [first.key, *beside, *(f"{one.key}: {one.verdict}" for one in others)]
    return Shown(
        verdict=verdict,
        kind=name_class(verdict.kind),
        word=verdict.kind,
        mark=MARKS[verdict.kind],
        beside=beside,
        answers=[describe_answer(one) for one in verdict.answers],
        remarks=[re.split("`([^`]+)`", line) for line in verdict.remarks],
        head=[str(name) for line in verdict.details[:1] for name in line],
        body=[list(map(format_cell, line.values())) for line in verdict.details],
        figures=[name for name in verdict.figures if name in figures],
    )


def describe_answer(one: Answer) -> ShownAnswer:
    """Returns one answer as text."""
    holm = "" if one.adjusted is None else f"; {format_p(one.adjusted)} after Holm"
    largest = ", the largest over the cases" if len(one.cases) > 1 else ""
    return ShownAnswer(
        key=one.key,
        asks=one.asks,
        verdict=one.verdict,
        kind=name_class(one.verdict.partition(":")[0]),
        picture=draw_intervals(one),
        effects=[describe_effect(case, one.unit) for case in one.cases],
        rule=format_rule(one),
        p="" if one.p is None else f"{format_p(one.p)}{largest}{holm}",
        interaction=one.interaction,
    )


def describe_effect(case: Case, unit: str) -> Effect:
    """Returns one effect with its interval, how that was made, and what is beside."""
    term = f"Effect, {case.name}" if case.name else "Effect"
    if case.effect is None:
        return Effect(term, "", "no rows yet")
    scale = scale_of(unit)
    text = scale.format(case.effect, case.low, case.high)
    value, space, ends = text.partition(" ")
    level = "95 %, " if ends else ""
    parts = [f"{space}{ends} {scale.unit}", f"{level}{case.interval}"]
    if case.turning:
        parts.append(
            f"another outcome without seed {', '.join(map(str, case.turning))}"
        )
    if case.needed is not None:
        parts.append(f"{case.needed:,} seeds would decide it at 80 % power")
    return Effect(term, value, "; ".join(parts))


def count_kinds(verdicts: Sequence[Verdict]) -> str:
    """Returns `1 supported, 2 refuted, 2 depend`."""
    kinds = [verdict.kind for verdict in verdicts]
    counts = {kind: kinds.count(kind) for kind in MARKS if kind in kinds}
    return ", ".join(
        f"{n} {'depend' if kind == DEPENDS and n > 1 else kind}"
        for kind, n in counts.items()
    )


def name_class(kind: str) -> str:
    """Returns the class of a verdict in the style: `no-difference`."""
    return kind.replace(" ", "-")


def find_common(verdicts: Sequence[Verdict], figures: Collection[str]) -> list[str]:
    """Returns the figures that all verdicts name: shown once, not in each of them."""
    if len(verdicts) < 2:
        return []
    common = set(figures).intersection(*(verdict.figures for verdict in verdicts))
    return [name for name in verdicts[0].figures if name in common]
