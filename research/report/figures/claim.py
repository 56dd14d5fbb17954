"""One claim: what its arms score, and its contrasts with their intervals."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from research import claims
from research.claims.claim import Claim
from research.claims.measure import POINTS, Measure
from research.claims.pool import Pool
from research.claims.question import Question
from research.claims.verdict import Answer, Verdict
from research.errors import UserError
from research.report.effects import Scale, say_contrast, say_verdict, scale_of
from research.report.figures.findings import FEW
from research.report.figures.forest import SMALL as SMALL
from research.report.figures.forest import Mark, Panel, draw_forests
from research.report.figures.looks import Width, current, styled
from research.report.figures.statements import explain, list_rules, state
from research.report.figures.style import BLUE, PRESETS, point_better
from research.report.figures.texts import Drawn, describe
from research.report.levels import find_measures, measure_levels, prefer
from research.report.possible import clip_verdict
from research.report.results import Results
from research.report.words import capitalize, spell_arms, word_key


@styled
def draw(results: Results, *, claim: str, width: Width | None = None) -> Drawn:
    """Draws a panel of the arms' values and one of each question.

    On a screen, further contrasts follow by unit.

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
    panels = collect_panels(declared, found, results.pool, whole=current().whole)
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
        shows="The arms by themselves, and each question against its margin. "
        f"{list_rules(found)}".rstrip(),
        numbers=" ".join(said),
        note=explain(found),
    )
    return figure


def collect_panels(
    claim: Claim, verdict: Verdict, pool: Pool, *, whole: bool
) -> dict[str, Panel]:
    """Returns what there is to draw, by title: values, questions, then by unit.

    Args:
      claim: as declared.
      verdict: on it.
      pool: of the runs.
      whole: with further contrasts.
    """
    panels: dict[str, Panel] = {}
    for measure in find_measures(claim):
        marks = measure_arms(claim, pool, measure)
        if len(marks) > 1:  # one has nothing to stand beside
            panels[capitalize(measure.name)] = Panel(
                marks, label_measure(measure), doublings=measure.log2
            )
    for answer in verdict.answers:
        panel = draw_question(answer, claim.questions[answer.key])
        if panel.marks and not answer.repeats:
            said = say_verdict(answer.verdict)
            key = f"{word_key(answer.key)}, {said}".removeprefix(", ")
            asks = say_contrast(answer.asks, answer.unit)
            panels[f"{capitalize(key)}: {asks}"] = panel
    asked = [one for each in claim.questions.values() for one in each.cases.values()]
    for one in verdict.details if whole else ():
        if one["effect"] is None or claim.details[one["contrast"]] in asked:
            continue
        scale = scale_of(one["unit"])
        title = f"Further contrasts, in {scale.unit}"
        panel = panels.setdefault(title, Panel([], scale.unit, scale.nothing))
        name = say_contrast(spell_arms(one["contrast"]), one["unit"])
        effect = mark(name, one["effect"], (one["low"], one["high"]), scale)
        panel.marks.append(effect._replace(color=BLUE))
    return panels


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


def mark(name: str, effect: float, ends: Iterable[float | None], scale: Scale) -> Mark:
    """Returns a mark, in the unit that people read."""
    shown = [scale.show(end) for end in (effect, *ends)]
    value, low, high = (np.nan if end is None else end for end in shown)
    return Mark(name, value, low, high)


def label_measure(measure: Measure) -> str:
    """Labels the axis of a measure: `%   better →`."""
    percent = measure.unit == POINTS
    unit = "%" if percent else "" if measure.log2 else measure.unit
    return point_better(unit, prefer(measure)).strip()


def measure_arms(claim: Claim, pool: Pool, measure: Measure) -> list[Mark]:
    """Returns the arms that are compared in a measure, the highest first.

    Of a measure whose logarithm is compared they are the values themselves.
    """
    found = []
    for one in measure_levels(claim, pool, measure):
        seeds = "" if one.n > 1 or one.exact else " (1 seed)"
        ends = (np.nan if end is None else end for end in (one.low, one.high))
        shown = [one.value, *ends]
        value, low, high = np.exp2(shown) if measure.log2 else shown
        look = style_arm(claim, one.arm)
        name = spell_arms(one.arm) + seeds
        found.append(Mark(name, value, low, high, *look, measure.exact))
    return found


def style_arm(claim: Claim, arm: str) -> tuple[str, str]:
    """Returns the colour and marker of the family of an arm's downsampler."""
    words = [word.partition("=") for word in claim.arms[arm]]
    chosen = [option for key, _, option in words if key == "downsample"]
    if "model.poolings=0" in claim.arms[arm]:
        chosen = ["none"]
    return PRESETS.get(chosen[-1] if chosen else "", (BLUE, "o"))
