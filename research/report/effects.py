"""Effects of claims as people read them: logarithms become ratios."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from research.claims.measure import LOG_RATIO
from research.claims.verdict import (
    DEPENDS,
    NO_DIFFERENCE,
    NOT_RUN,
    REFUTED,
    SUPPORTED,
    UNDETERMINED,
    Answer,
    Case,
)
from research.report.formats import format_effect, format_interval, format_p

TIMES = "times as many flips"
DOUBLINGS = "doublings"
KINDS = (SUPPORTED, REFUTED, NO_DIFFERENCE, DEPENDS, UNDETERMINED)  # as counted
LOGARITHM = re.compile(r"\b(?:the )?log2? (?:of )?|,? in doublings\b")


class Scale(NamedTuple):
    """How a unit is shown.

    Attributes:
      unit: in words.
      base: of the logarithm that values are, of which the power is shown; 0: they are
        none.
    """

    unit: str
    base: float = 0.0

    @property
    def ratio(self) -> bool:
        """Whether ratios are shown."""
        return self.base > 0

    def show(self, value: float | None) -> float | None:
        """Returns a value as it is shown; None stays None."""
        return self.base**value if self.ratio and value is not None else value

    def format(
        self, value: float | None, low: float | None = None, high: float | None = None
    ) -> str:
        """Returns `1.42 [1.22, 1.65]`."""
        return format_interval(*map(self.show, (value, low, high)))

    @property
    def nothing(self) -> float:
        """The value that stands for no effect."""
        return 1.0 if self.ratio else 0.0


def scale_of(unit: str) -> Scale:
    """Returns how a unit is shown: `doublings of time` as `times the time`."""
    if unit == LOG_RATIO:
        return Scale(TIMES, math.e)
    if unit == DOUBLINGS:
        return Scale("times", 2.0)
    if unit.startswith(DOUBLINGS):
        return Scale(unit.replace(f"{DOUBLINGS} of", "times the", 1), 2.0)
    return Scale(unit)


def say_verdict(verdict: str) -> str:
    """Returns a verdict as a phrase: `depends on the head`."""
    kind, _, more = verdict.partition(": ")
    if not more:
        return kind
    return f"{kind} on the {more}" if kind == DEPENDS else f"{kind}, after {more}"


def say_contrast(text: str, unit: str) -> str:
    """Returns what is compared; of logarithms, which are shown as ratios, these."""
    if not scale_of(unit).ratio:
        return text
    return re.sub(r"\bless\b", "over", LOGARITHM.sub("", text))


def say_difference(answer: Answer) -> str:
    """Returns `flattened over global pooling: 0.50 [0.37, 0.67], paired t over seeds`.

    Of logarithms that is the ratio of the ratios; empty where nothing is compared.
    """
    if answer.interaction is None:
        return ""
    first, second, *numbers, how = answer.interaction
    scale = scale_of(answer.unit)
    word, unit = ("over", "") if scale.ratio else ("less", f" {scale.unit}")
    return f"{first} {word} {second}: {scale.format(*numbers)}{unit}, {how}"


def say_p(answer: Answer) -> str:
    """Returns `0.0033, the largest over the cases`; empty where there is no p."""
    if answer.p is None:
        return ""
    return f"{format_p(answer.p)}, {answer.p_is}".removesuffix(", ")


def count_answers(answers: Iterable[Answer]) -> str:
    """Returns `15 of the 29 questions have been run: 8 supported, 2 depend`.

    What was asked afterwards does not count.
    """
    asked = [one for one in answers if not one.afterwards]
    kinds = [one.verdict.partition(":")[0] for one in asked]
    counts = Counter(kind for kind in kinds if kind != NOT_RUN)
    said = ", ".join(
        f"{counts[kind]} {'depend' if kind == DEPENDS and counts[kind] > 1 else kind}"
        for kind in KINDS
        if counts[kind]
    )
    text = f"{counts.total()} of the {len(kinds)} questions have been run"
    return f"{text}: {said}" if said else text


def format_case(case: Case, unit: str) -> str:
    """Returns `flattened 1.42 [1.22, 1.65]`."""
    text = scale_of(unit).format(case.effect, case.low, case.high)
    return f"{case.name} {text}".lstrip()


def format_cases(answer: Answer) -> str:
    """Returns the effect in each case."""
    return "; ".join(format_case(case, answer.unit) for case in answer.cases)


def format_rule(answer: Answer) -> str:
    """Returns what decides, with the margin as it is shown."""
    scale = scale_of(answer.unit)
    low, high = (scale.show(sign * answer.margin) or 0.0 for sign in (-1, 1))
    text = answer.rule.replace("−{margin}", "{low}")
    first = "margin" if "{margin}" in text else "low"  # which of them has the unit
    ends = {"low": format_effect(low), "margin": format_effect(high)}
    ends[first] += f" {scale.unit}"
    return text.format(**ends)
