"""What the page shows of each verdict, as text: `assets/verdicts.html` lays it out."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from research import claims
from research.claims.verdict import (
    DEPENDS,
    DESCRIPTIVE,
    NO_DIFFERENCE,
    NOT_RUN,
    REFUTED,
    SUPPORTED,
    UNDETERMINED,
    Answer,
    Verdict,
)
from research.report.effects import count_answers, say_difference, say_p
from research.report.formats import format_cell, format_p
from research.report.page.embed import Embedded
from research.report.page.picture import Plot, Scale, draw_plot, measure_scales
from research.report.page.words import (
    is_known,
    state_finding,
    state_firmness,
    state_question,
    state_rule,
    word_verdict,
)
from research.report.words import capitalize, spell_arms, word_key

MARKS = {
    SUPPORTED: "✓",
    REFUTED: "✗",
    NO_DIFFERENCE: "=",
    DEPENDS: "±",
    UNDETERMINED: "?",
    NOT_RUN: "…",
    DESCRIPTIVE: "·",
}


class ShownAnswer(NamedTuple):
    """An answer as text.

    Attributes:
      key: of the question; empty where a claim has one.
      asks: what is compared.
      word: the verdict, as a sentence begins.
      kind: class of its colour.
      mark: a sign for it.
      finding: what came out.
      plot: of its effects; None without rows.
      intervals: how they were made; empty where there are none.
      rule: what decides.
      p: before and after Holm's rule; empty where there is none.
      interaction: how the first two cases differ; empty where they are none.
      firmness: whether one seed decides, and what it would take.
    """

    key: str
    asks: str
    word: str
    kind: str
    mark: str
    finding: str
    plot: Plot | None
    intervals: str
    rule: str
    p: str
    interaction: str
    firmness: str


class Shown(NamedTuple):
    """A verdict as text.

    Attributes:
      verdict: as it was judged.
      run: whether it has rows that were asked for; else it is one of a list.
      apart: whether it names no networks to train: its numbers are not in this store.
      word: the verdict, as a sentence begins.
      kind: class of its colour: `supported`, `no-difference`, ….
      mark: a sign for it.
      answers: to each question.
      levels: plots of what each arm scores by itself.
      remarks: each in pieces, of which every second is code.
      head: the names of further numbers.
      body: these numbers, a line each.
      figures: of it, by name.
    """

    verdict: Verdict
    run: bool
    apart: bool
    word: str
    kind: str
    mark: str
    answers: list[ShownAnswer]
    levels: Sequence[Plot]
    remarks: list[list[str]]
    head: list[str]
    body: list[list[str]]
    figures: dict[str, Embedded]


def describe_verdict(
    verdict: Verdict,
    figures: Mapping[str, Embedded],
    levels: Sequence[Plot] = (),
) -> Shown:
    """Returns one verdict as text.

    Args:
      verdict: to show.
      figures: those that may be shown, by name.
      levels: the plots of its arms.
    """
    details = [one for one in verdict.details if one.get("effect", 0.0) is not None]
    cases = [case for one in verdict.answers for case in one.cases]
    known = any(map(is_known, cases)) if cases else bool(details)
    claim = claims.load().get(verdict.id.lower())
    scales = measure_scales(verdict.answers)
    return Shown(
        verdict=verdict,
        run=known and verdict.kind != NOT_RUN,
        apart=claim is not None and not (claim.arms or claim.questions),
        word=word_verdict(verdict.verdict),
        kind=name_class(verdict.kind),
        mark=MARKS[verdict.kind],
        answers=[describe_answer(one, scales) for one in verdict.answers],
        levels=levels,
        remarks=[re.split("`([^`]+)`", line) for line in verdict.remarks],
        head=[str(name) for line in details[:1] for name in line],
        body=[
            [spell_arms(format_cell(one)) for one in line.values()] for line in details
        ],
        figures={name: figures[name] for name in verdict.figures if name in figures},
    )


def describe_answer(one: Answer, scales: Mapping[str, Scale]) -> ShownAnswer:
    """Returns one answer of a verdict as text."""
    kind = one.verdict.partition(":")[0]
    known = [case for case in one.cases if is_known(case)]
    key = word_key(one.key)
    return ShownAnswer(
        key=capitalize(key),
        asks=state_question(one),
        word=word_verdict(one.verdict),
        kind=name_class(kind),
        mark=MARKS[kind],
        finding=state_finding(one),
        plot=draw_plot(one, scales[one.unit]) if known and not one.repeats else None,
        intervals="; ".join(dict.fromkeys(case.interval for case in known)),
        rule=state_rule(one),
        p=state_p(one),
        interaction=say_difference(one) if len(one.cases) == 2 else "",
        firmness=state_firmness(one),
    )


def state_p(one: Answer) -> str:
    """Returns p before and after Holm's rule, or why there is none, if it is known."""
    if one.p is None:
        return ""
    if one.verdict.startswith(DEPENDS):
        return "none: the cases came out differently"
    holm = "" if one.adjusted is None else f"; {format_p(one.adjusted)} after Holm"
    return f"{say_p(one)}{holm}"


def count_questions(verdicts: Sequence[Verdict]) -> str:
    """Returns how many questions have been run, and what they came to."""
    return count_answers(answer for one in verdicts for answer in one.answers)


def name_class(kind: str) -> str:
    """Returns the class of a verdict in the style: `no-difference`."""
    return kind.replace(" ", "-")


def find_common(verdicts: Sequence[Verdict], figures: Collection[str]) -> list[str]:
    """Returns the figures that all verdicts name: shown once, not in each of them."""
    if len(verdicts) < 2:
        return []
    common = set(figures).intersection(*(verdict.figures for verdict in verdicts))
    return [name for name in verdicts[0].figures if name in common]
