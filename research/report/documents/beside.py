"""Within a claim's page: what each arm scores by itself, and what decides nothing."""

from __future__ import annotations

from collections.abc import Iterator

from research.claims.measure import POINTS, Timed
from research.claims.question import Question
from research.report.documents.judged import Judged
from research.report.documents.words import say_detail, write_table
from research.report.effects import scale_of
from research.report.formats import MISSING
from research.report.levels import format_level, list_measures, measure_levels
from research.report.words import spell_arms


def write_details(found: Judged) -> Iterator[str]:
    """Yields the contrasts that decide nothing."""
    yield from write_levels(found)
    asked = [one for each in found.claim.questions.values() for one in each.contrasts]
    beside = [
        one
        for one in found.verdict.details
        if found.claim.details.get(one["contrast"]) not in asked
    ]
    known = [one for one in beside if one["effect"] is not None]
    if known:
        several = found.verdict.answers
        yield "### Further contrasts" if several else "### The differences"
        yield (
            "These decide nothing: they are 95 % intervals that are not corrected for "
            "their number."
        )
        lines = []
        for one in known:
            scale = scale_of(one["unit"])
            value = scale.format(one["effect"], one["low"], one["high"])
            name, _, ends = value.partition(" ")
            title = say_detail(one["contrast"], one["unit"])
            lines.append([title, name, ends or MISSING, scale.unit, str(one["n"])])
        questions = [*found.claim.questions.values()]
        repeats = repeats_of(questions[0]) if questions else "seeds"
        yield write_table(["what", "effect", "95 % interval", "unit", repeats], lines)
    if missing := [one for one in beside if one["effect"] is None]:
        names = [say_detail(one["contrast"], one["unit"]) for one in missing]
        yield f"Not run yet: {'; '.join(names)}."


def write_levels(found: Judged) -> Iterator[str]:
    """Yields what each arm scores by itself, as a table with a column a measure."""
    questions = found.claim.questions.values()
    within = [  # measures that are compared with one another in one and the same arm
        measure
        for one in questions
        for contrast in one.contrasts
        if contrast.minus is not None
        for measure in (contrast.measure, contrast.minus)
    ]
    measured = {
        measure.name: (measure, measure_levels(found.claim, found.pool, measure))
        for measure in list_measures(found.claim)
    }
    head, cells = ["arm"], dict[str, dict[str, str]]()
    for name, (measure, levels) in measured.items():
        if len(levels) > 1 or (levels and measure in within):
            unit = (
                "%" if measure.unit == POINTS else "" if measure.log2 else measure.unit
            )
            head.append(f"{name} ({unit})" if unit else name)
            for one in levels:
                own = cells.setdefault(spell_arms(one.arm), {})
                own[head[-1]] = format_level(one, measure)
    if cells:
        yield "### Each arm by itself"
        yield (
            "Means over the seeds. Brackets: 95 % intervals over the seeds, or over "
            "test examples where all seeds gave the same number."
        )
        lines = [
            [arm, *(own.get(one, "") for one in head[1:])] for arm, own in cells.items()
        ]
        yield write_table(head, lines)


def repeats_of(question: Question) -> str:
    """Returns `repeats` where a time was measured again and again, else `seeds`."""
    timed = (isinstance(one.measure, Timed) for one in question.cases.values())
    return "repeats" if all(timed) else "seeds"
