"""What an effect can be at most: intervals are shown as far as they are possible.

A mean of ten accuracies of 100 % has an interval that reaches beyond 100 %. Verdicts
are reached without this module; what people read ends where shares end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from research import claims
from research.claims.claim import Claim
from research.claims.measure import POINTS, Contrast, Measure
from research.claims.verdict import Answer, Verdict


def clip_all(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Returns verdicts, each on its claim, without what is beyond the possible."""
    known = claims.load()
    return [clip_verdict(known[one.id.lower()], one) for one in verdicts]


def clip_verdict(claim: Claim, verdict: Verdict) -> Verdict:
    """Returns a verdict without what intervals have beyond the possible.

    Args:
      claim: that was judged.
      verdict: on it.
    """
    answers = tuple(clip_answer(claim, one) for one in verdict.answers)
    details = tuple(
        dict(one) | dict(zip(("low", "high"), ends, strict=True))
        if (contrast := claim.details.get(one.get("contrast", "")))
        and (ends := clip(contrast, one["low"], one["high"]))
        else one
        for one in verdict.details
    )
    return replace(verdict, answers=answers, details=details)


def clip_answer(claim: Claim, answer: Answer) -> Answer:
    """Returns an answer whose intervals end where the possible ends."""
    question = claim.questions.get(answer.key)
    cases = []
    for case in answer.cases:
        contrast = question.cases.get(case.name) if question else None
        if contrast is not None:
            low, high = clip(contrast, case.low, case.high)
            case = case._replace(low=low, high=high)
        cases.append(case)
    return replace(answer, cases=tuple(cases))


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
