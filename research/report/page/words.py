"""Units and outcomes as sentences have them."""

from __future__ import annotations

import math
from collections import Counter
from typing import NamedTuple

from research.claims import rule
from research.claims.measure import LOG_RATIO, POINTS
from research.claims.verdict import Answer, Case
from research.report.effects import Scale, say_contrast, say_verdict, scale_of
from research.report.formats import format_effect
from research.report.words import capitalize

BETTER = {POINTS: "better →", LOG_RATIO: "← better"}  # unit → at the axis
MORE = "more →"
RULES = {one.text: one for one in vars(rule).values() if isinstance(one, rule.Rule)}


class Unit(NamedTuple):
    """How effects of a unit are shown: logarithms as ratios.

    Attributes:
      scale: of what is shown, with its name.
      better: which way is better, for the end of an axis.
    """

    scale: Scale
    better: str

    @property
    def name(self) -> str:
        """Of what is shown."""
        return self.scale.unit

    @property
    def base(self) -> float:
        """Of the logarithm that the effects are; 0: they are none."""
        return self.scale.base

    def show(self, value: float) -> float:
        """Returns an effect as it is shown."""
        return self.base**value if self.base else value

    def place(self, shown: float) -> float:
        """Returns the effect that is shown so."""
        return math.log(shown, self.base) if self.base else shown

    def format(self, *values: float | None) -> str:
        """Returns `3.90 [2.65, 5.15]` of an effect, or it and its interval."""
        return self.scale.format(*values)


def read_unit(unit: str) -> Unit:
    """Returns how effects of a unit are shown: `doublings of time` as a factor."""
    return Unit(scale_of(unit), BETTER.get(unit, MORE))


def word_verdict(verdict: str) -> str:
    """Returns `Depends on the head`, or `Supported`."""
    return capitalize(say_verdict(verdict))


def is_known(case: Case) -> bool:
    """Returns whether a case has rows."""
    return case.effect is not None and math.isfinite(case.effect)


def find_ends(answer: Answer) -> tuple[float, float]:
    """Returns what intervals are compared with: a margin's ends, or one threshold."""
    known = RULES.get(answer.rule, rule.DIFFERENCE)
    return known.ends(answer.margin)


def state_rule(answer: Answer) -> str:
    """Returns what decides, with the margin as effects are shown."""
    unit = read_unit(answer.unit)
    text = answer.rule.replace("−{margin}", "{low}")
    ends = {"low": -answer.margin, "margin": answer.margin}
    shown = {name: format_effect(unit.show(end)) for name, end in ends.items()}
    first = "margin" if "{margin}" in text else "low"  # which of them has the unit
    shown[first] += f" {unit.name}"
    return text.format(**shown)


def state_question(answer: Answer) -> str:
    """Returns what is compared; of logarithms, which are shown as ratios, these."""
    return say_contrast(answer.asks, answer.unit)


def state_finding(answer: Answer) -> str:
    """Returns what came out: the effects, and where they lie to the margin.

    Of two cases each effect with its name, of more the least and the largest.
    """
    known = list_known(answer)
    if not known:
        return "no runs yet"
    unit = read_unit(answer.unit)
    texts = [unit.format(case.effect) for case in known]
    names = [f" ({case.name})" if case.name else "" for case in known]
    places = [state_place(case, answer) for case in known]
    counts = Counter(places)
    if len(known) == 2 and len(counts) == 2:
        parts = zip(texts, names, places, strict=True)
        return "; ".join(f"{one} {unit.name}{name}, {at}" for one, name, at in parts)
    if len(known) > 2:
        effects = " to ".join(dict.fromkeys([texts[-1], texts[0]]))
    else:
        effects = " and ".join(map("".join, zip(texts, names, strict=True)))
    where = ", ".join(
        place if len(counts) == 1 else f"{place} in {count} case{'s'[: count > 1]}"
        for place, count in counts.items()
    )
    return f"{effects} {unit.name}, {where}"


def list_known(answer: Answer) -> list[Case]:
    """Returns the cases that have rows, the largest effect first."""
    known = [case for case in answer.cases if is_known(case)]
    return sorted(known, key=lambda case: -(case.effect or 0.0))


def state_place(case: Case, answer: Answer) -> str:
    """Returns where an interval lies: `above the margin of 0.50`."""
    unit = read_unit(answer.unit)
    ends = find_ends(answer)
    low, high = (format_effect(unit.show(end)) if end else "0" for end in ends)
    name = "the margin of " if any(ends) else ""
    both = f"{low} to {high}" if unit.base else f"±{high}"
    return {
        "superior": f"above {name}{high}",
        "inferior": f"below {name}{low}",
        "equivalent": f"within the margin of {both}",
    }.get(case.outcome, "not decided")


def state_firmness(answer: Answer) -> str:
    """Returns whether one seed decides, and what it would take to decide the rest."""
    known = [case for case in answer.cases if is_known(case) and case.sd is not None]
    known = [case for case in known if case.n > 1 and case.low != case.high]
    if not known:
        return ""
    turning = [case for case in known if case.turning]
    where = f" in {len(turning)} of {len(known)} cases" if len(known) > 1 else ""
    seeds = "repeats" if "repeats" in known[0].interval else "seeds"
    text = (
        f"Without one of the {seeds} the outcome would be another{where}."
        if turning
        else f"The outcome is the same whichever {seeds[:-1]} is left out."
    )
    needed = [case.needed for case in known if case.needed is not None]
    if needed:
        counts = " to ".join(f"{one:,}" for one in sorted({min(needed), max(needed)}))
        text += f" {counts} {seeds} would decide what is undecided, at 80 % power."
    return text
