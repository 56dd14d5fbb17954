"""One claim: what its arms score, and its contrasts with their intervals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from research import claims
from research.claims.claim import Claim
from research.claims.estimate import EXACT, estimate
from research.claims.judge import NO_MARGIN
from research.claims.measure import POINTS, Contrast, Measure, only
from research.claims.pool import Pool
from research.claims.question import Question
from research.claims.verdict import Answer, Verdict
from research.errors import UserError
from research.report.effects import Scale, scale_of
from research.report.figures.findings import FEW
from research.report.figures.forest import SMALL as SMALL
from research.report.figures.forest import Mark, Panel, draw_forests
from research.report.figures.looks import Width, styled
from research.report.figures.statements import explain, list_rules, state
from research.report.figures.style import BLUE, PRESETS, point_better
from research.report.figures.texts import Drawn, describe
from research.report.results import Results
from research.report.words import spell_arms

# Rows of which more is better, 1, or less, −1; others are neither.
BETTER = {"accuracy": 1, "agreement": 1, "mean_iou": 1, "boundary_iou": 1, "r2": 1}
BETTER |= {"loss": -1, "flip_rate": -1, "error": -1}


@styled
def draw(results: Results, *, claim: str, width: Width | None = None) -> Drawn:
    """Draws a panel of the arms' values, one of each question, then of what is beside.

    Args:
      results: with runs of the experiments.
      claim: its id, such as `c3`.
      width: `one` or `two` columns; None for what the style in use has.

    Raises:
      UserError: there are no rows for it.
    """
    declared = claims.load()[claim]
    verdict = {one.id: one for one in results.verdicts}[claim.upper()]
    found = clip_verdict(declared, verdict)
    panels = collect_panels(declared, found, results.pool)
    if not panels:
        raise UserError(f"no rows of {claim}; run `{found.command}`")
    figure = draw_forests(panels, width)
    said = [
        f"{title}: {panel.text}."
        for title, panel in panels.items()
        if not panel.decides or len(panel.marks) > FEW  # the title has the others
    ]
    describe(
        figure,
        state(found),
        shows="The arms by themselves, each question against its margin, and what was "
        f"compared beside. {list_rules(found)}".rstrip(),
        numbers=" ".join(said),
        note=explain(found),
    )
    return figure


def collect_panels(claim: Claim, verdict: Verdict, pool: Pool) -> dict[str, Panel]:
    """Returns what there is to draw, by title: values, questions, then by unit."""
    panels: dict[str, Panel] = {}
    for measure in find_measures(claim):
        marks = measure_arms(claim, pool, measure)
        if len(marks) > 1:  # one has nothing to stand beside
            panels[capitalize(measure.name)] = Panel(
                marks, label_measure(measure), doublings=measure.log2
            )
    for answer in verdict.answers:
        panel = draw_question(answer, claim.questions[answer.key])
        if panel.marks:
            key = f"{answer.key}, {answer.verdict}" if answer.key else answer.verdict
            panels[f"{capitalize(key)}: {answer.asks}"] = panel
    asked = [one for each in claim.questions.values() for one in each.cases.values()]
    for one in verdict.details:
        if one["effect"] is None or claim.details[one["contrast"]] in asked:
            continue
        scale = scale_of(one["unit"])
        title = f"Beside, in {scale.unit}"
        panel = panels.setdefault(title, Panel([], scale.unit, scale.nothing))
        ends = clip(claim.details[one["contrast"]], one["low"], one["high"])
        effect = mark(spell_arms(one["contrast"]), one["effect"], ends, scale)
        panel.marks.append(effect._replace(color=BLUE))
    return panels


def find_measures(claim: Claim) -> list[Measure]:
    """Returns the numbers of single runs that the questions compare, each once."""
    compared = [
        contrast.measure
        for question in claim.questions.values()
        for contrast in question.cases.values()
    ]
    found = {repr(one): one for one in compared if isinstance(one, Measure)}
    return [*found.values()]


def draw_question(answer: Answer, question: Question) -> Panel:
    """Returns the cases of a question, against what decides it."""
    scale = scale_of(answer.unit)
    marks = [
        mark(spell_arms(case.name), case.effect, (case.low, case.high), scale)
        for case in answer.cases
        if case.effect is not None
    ]
    low, high = (scale.show(end) or 0.0 for end in question.ends)
    return Panel(marks, scale.unit, scale.nothing, (low, high), decides=True)


def clip_verdict(claim: Claim, verdict: Verdict) -> Verdict:
    """Returns a verdict without what intervals have beyond the possible."""
    answers = []
    for answer in verdict.answers:
        contrasts = claim.questions[answer.key].cases.values()
        cases = []
        for case, contrast in zip(answer.cases, contrasts, strict=True):
            low, high = clip(contrast, case.low, case.high)
            cases.append(case._replace(low=low, high=high))
        answers.append(replace(answer, cases=tuple(cases)))
    return replace(verdict, answers=tuple(answers))


def mark(name: str, effect: float, ends: Iterable[float | None], scale: Scale) -> Mark:
    """Returns a mark, in the unit that people read."""
    shown = [scale.show(end) for end in (effect, *ends)]
    value, low, high = (np.nan if end is None else end for end in shown)
    return Mark(name, value, low, high)


def clip(
    contrast: Contrast, low: float | None, high: float | None
) -> tuple[float | None, float | None]:
    """Returns the ends of an interval as far as they are possible, such as to 100 %."""
    least, most = reach(contrast)
    return (
        None if low is None else max(low, least),
        None if high is None else min(high, most),
    )


def reach(contrast: Contrast) -> tuple[float, float]:
    """Returns the least and the most that a contrast of proportions can be."""
    measures = [(contrast.measure, 1.0)]
    measures += [(contrast.minus, -1.0)] if contrast.minus else []
    low = high = contrast.base
    for one, sign in measures:
        if not isinstance(one, Measure) or one.unit != POINTS or one.log2:
            return -np.inf, np.inf
        for weight in contrast.arms.values():
            none, whole = sorted(
                sign * weight * end for end in (one.offset, one.offset + one.scale)
            )
            low, high = low + none, high + whole
    return low, high


def label_measure(measure: Measure) -> str:
    """Labels the axis of a measure: `%   better →`."""
    percent = measure.unit == POINTS
    unit = "%" if percent else "" if measure.log2 else measure.unit
    sign = int(np.sign(measure.scale))
    return point_better(unit, sign * BETTER.get(measure.measure, 0)).strip()


def capitalize(text: str) -> str:
    """Returns text with its first letter capital, the others as they are."""
    return text[:1].upper() + text[1:]


def measure_arms(claim: Claim, pool: Pool, measure: Measure) -> list[Mark]:
    """Returns the arms that are compared in a measure, the highest first.

    Of a measure whose logarithm is compared they are the values themselves.
    """
    contrasts = [
        one for question in claim.questions.values() for one in question.contrasts
    ]
    compared = dict.fromkeys(
        arm
        for one in [*contrasts, *claim.details.values()]
        if one.measure == measure
        for arm in one.arms
    )
    found = []
    for arm in compared:
        alone = only(arm, measure)
        one = estimate(pool, claim, alone, NO_MARGIN)
        if one.differences:
            low, high, how = one.test.interval
            seeds = "" if one.test.n > 1 or how == EXACT else " (1 seed)"
            ends = (one.test.mean, *clip(alone, low, high))
            shown = [np.nan if end is None else end for end in ends]
            value, low, high = np.exp2(shown) if measure.log2 else shown
            look = style_arm(claim, arm)
            found.append(
                Mark(spell_arms(arm) + seeds, value, low, high, *look, measure.exact)
            )
    return sorted(found, key=lambda one: -one.value)


def style_arm(claim: Claim, arm: str) -> tuple[str, str]:
    """Returns the colour and marker of the family of an arm's downsampler."""
    words = [word.partition("=") for word in claim.arms[arm]]
    chosen = [option for key, _, option in words if key == "downsample"]
    if "model.poolings=0" in claim.arms[arm]:
        chosen = ["none"]
    return PRESETS.get(chosen[-1] if chosen else "", (BLUE, "o"))
