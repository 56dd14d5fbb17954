"""Verdicts as sentences: the titles and notes of figures of claims."""

from __future__ import annotations

from research.claims.estimate import EXACT
from research.claims.verdict import DESCRIPTIVE, Answer, Verdict
from research.report.effects import (
    format_case,
    format_rule,
    say_contrast,
    say_verdict,
    scale_of,
)
from research.report.figures.findings import FEW
from research.report.words import capitalize, word_key

NONE = "none"  # the name of an interval that there is not


def state(verdict: Verdict) -> str:
    """Returns what a claim came to: sentence, verdict, and the numbers of its cases.

    Where a claim asks several questions each has its own verdict, and the sentence as a
    whole has none.
    """
    known = [one for one in verdict.answers if count_known(one)]
    if not known:
        kind = verdict.kind if verdict.answers else DESCRIPTIVE
        return f"{verdict.id}, {kind}: “{verdict.sentence}”"
    if len(verdict.answers) == 1:
        (only,) = known
        said = f"{verdict.id}, {say_verdict(only.verdict)}: “{verdict.sentence}”"
        asks = say_contrast(only.asks, only.unit)
        return f"{said} {capitalize(asks)}: {say_cases(only)}"
    parts = [
        f"{name_question(one)}: {say_verdict(one.verdict)}"
        + ("" if one.repeats else f" ({say_cases(one)})")
        for one in known
    ]
    parts += ["The rest is not run yet"] * (len(known) < len(verdict.answers))
    return f"{verdict.id}: “{verdict.sentence}” {'. '.join(parts)}"


def count_known(answer: Answer) -> int:
    """Returns how many cases of a question have numbers."""
    return sum(case.effect is not None for case in answer.cases)


def name_question(answer: Answer) -> str:
    """Returns the key of a question with a capital, or what it asks."""
    name = word_key(answer.key) or say_contrast(answer.asks, answer.unit)
    return capitalize(name)


def say_cases(answer: Answer) -> str:
    """Returns the effect in each case; of more than `FEW` the least and the most.

    With its unit.
    """
    cases = [case for case in answer.cases if case.effect is not None]
    if len(cases) <= FEW:
        said = ", ".join(format_case(case, answer.unit) for case in cases)
        return f"{said} {scale_of(answer.unit).unit}"
    ordered = sorted(cases, key=lambda case: case.effect or 0.0)
    scale = scale_of(answer.unit)
    ends = [scale.format(case.effect) for case in (ordered[0], ordered[-1])]
    return f"from {ends[0]} to {ends[1]} {scale.unit} in {len(cases)} cases"


def explain(verdict: Verdict) -> str:
    """Returns over what intervals of a claim are, and what marks the margin."""
    known = [one for one in verdict.answers if count_known(one)]
    kinds = [
        case.interval
        for one in known
        for case in one.cases
        if case.effect is not None and case.interval not in (NONE, EXACT)
    ]
    named = "; ".join(dict.fromkeys(kinds))
    bars = f"Bars: 95 % intervals, {named}." if named else "Counts are exact."
    return f"{bars} Shaded area or broken line: the margin." if known else bars


def list_rules(verdict: Verdict) -> str:
    """Returns what decides each question that has numbers, as sentences."""
    return " ".join(
        f"{name_question(one)}: {format_rule(one)}."
        for one in verdict.answers
        if count_known(one)
    )
