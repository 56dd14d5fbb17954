"""The verdicts: every claim judged by the rows.

Raise `versions.JUDGEMENT` whenever other estimates count, or p tests something else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from research import claims
from research.claims.claim import Claim
from research.claims.estimate import EXACT, Estimate, count_fewest, estimate
from research.claims.family import LEVEL, Family
from research.claims.measure import Contrast
from research.claims.pool import Pool
from research.claims.question import Question
from research.claims.remarks import remarks
from research.claims.verdict import (
    DEPENDS,
    NOT_RUN,
    UNDETERMINED,
    Answer,
    Case,
    Difference,
    Verdict,
)
from research.stats import (
    Interaction,
    compare_levels,
    count_seeds,
    first_step_level,
    holm,
)

NO_MARGIN = (0.0, 0.0)  # of secondary contrasts, which nothing is decided by


def verdicts(pool: Pool) -> list[Verdict]:
    """Returns a verdict for every claim, with Holm's rule over each family applied."""
    single = [judge(name, pool) for name in claims.ids()]
    families: dict[Family, list[tuple[int, int]]] = {}
    for number, one in enumerate(single):
        for place, answer in enumerate(one.answers):
            if answer.family and answer.p is not None:
                families.setdefault(answer.family, []).append((number, place))
    for family, places in families.items():
        known = [single[number].answers[place].p or 0.0 for number, place in places]
        corrected = holm(known, family=family.size)
        for (number, place), p in zip(places, corrected, strict=True):
            one = single[number]
            answers = list(one.answers)
            answers[place] = adjust(answers[place], float(p))
            single[number] = replace(one, answers=tuple(answers))
    return single


def judge(name: str, pool: Pool) -> Verdict:
    """Returns the verdict on one claim, before the number of claims is corrected for.

    It is reached once for each pool.
    """
    if name not in pool.verdicts:
        pool.verdicts[name] = judge_claim(name, claims.load()[name], pool)
    return pool.verdicts[name]


def judge_claim(name: str, claim: Claim, pool: Pool) -> Verdict:
    """Returns the verdict on a claim that need not be one of the files here."""
    command = claim.command or (
        f"python scripts/train.py experiment={name} scale={pool.scale}"
    )
    estimates = {
        key: {
            case: estimate(pool, claim, contrast, question.ends)
            for case, contrast in question.cases.items()
        }
        for key, question in claim.questions.items()
    }
    asked = [question.cases for question in claim.questions.values()]
    answers = [
        replace(
            answer(key, claim.questions[key], cases, pool, claim),
            repeats=asked[place] in asked[:place],
        )
        for place, (key, cases) in enumerate(estimates.items())
    ]
    return Verdict(
        id=name.upper(),
        sentence=claim.sentence,
        design=claim.design,
        answers=tuple(answers),
        remarks=tuple(remarks(name, claim, estimates, pool, command)),
        limits=claim.limits,
        details=tuple(describe_details(claim, pool)),
        figures=("verdicts", name, *claim.figures),
        command=command,
        fingerprint=pool.fingerprint(claim),
    )


def answer(
    key: str,
    question: Question,
    cases: Mapping[str, Estimate],
    pool: Pool,
    claim: Claim,
) -> Answer:
    """Returns the answer to one question, before Holm's rule."""
    known = [one for one in cases.values() if one.differences]
    interaction = compare_first_levels(question, cases)
    found = Answer(
        key=key,
        asks=question.asks,
        verdict=NOT_RUN,
        cases=tuple(describe_case(name, one, question) for name, one in cases.items()),
        margin=question.margin,
        rule=question.rule.text,
        unit=next(iter(question.cases.values())).measure.unit,
        family=question.family,
        interaction=describe_interaction(cases, interaction),
        afterwards=question.afterwards,
    )
    if len(known) < len(cases):
        return found
    seeds, wanted = count_fewest(known), pool.count_seeds(claim)
    if seeds is not None and seeds < wanted:
        return replace(found, verdict=f"{UNDETERMINED}: {seeds} of {wanted} seeds")
    together = question.rule.combine([one.test for one in known])
    words = {question.rule.word(one.test.outcome) for one in known}
    verdict = question.rule.word(together.outcome)
    if len(words) > 1 and question.factor and UNDETERMINED not in words:
        exact = all(one.how == EXACT for one in known)
        if exact or (interaction is not None and interaction.depends):
            verdict = f"{DEPENDS}: {question.factor}"
    means = [
        estimate(pool, claim, one, NO_MARGIN).test.mean for one in question.conditions
    ]
    if not all(one <= question.limit for one in means):
        verdict = UNDETERMINED
    exact = all(one.how == EXACT for one in known)
    p_is = together.p_is if len(cases) > 1 else ""
    return replace(found, verdict=verdict, p=None if exact else together.p, p_is=p_is)


def adjust(one: Answer, adjusted: float) -> Answer:
    """Returns an answer with its p corrected for the number of claims.

    What depends stands by the interval of the difference between its levels, which is
    not of the family.
    """
    decided = not one.verdict.startswith((UNDETERMINED, NOT_RUN))
    depends = one.verdict.startswith(DEPENDS)
    lucky = decided and not depends and not adjusted <= LEVEL
    return replace(
        one, adjusted=adjusted, verdict=UNDETERMINED if lucky else one.verdict
    )


def compare_first_levels(
    question: Question, cases: Mapping[str, Estimate]
) -> Interaction | None:
    """Returns how the first two levels of a factor differ; None without a factor."""
    first = [one.differences for one in cases.values()][:2]
    if not question.factor or len(first) < 2 or not all(first):
        return None
    return compare_levels(*first)


def describe_interaction(
    cases: Mapping[str, Estimate], found: Interaction | None
) -> Difference | None:
    """Returns the difference between the first two cases by name, None without any."""
    if found is None or not found.difference.interval.how:
        return None
    first, second = [*cases][:2]
    return Difference(first, second, found.difference.mean, *found.difference.interval)


def describe_case(name: str, one: Estimate, question: Question) -> Case:
    """Returns the numbers of one contrast of a question; what is unknown is None."""
    test, known = one.test, bool(one.how)
    needed = None
    if known and test.outcome == UNDETERMINED:
        family = question.family
        level = first_step_level(family.size) if family else 0.95
        needed = count_seeds(test.mean, test.sd, question.ends, level=level)
    return Case(
        name=name,
        effect=test.mean if test.n else None,
        low=test.interval.low if known else None,
        high=test.interval.high if known else None,
        sd=test.sd if np.isfinite(test.sd) else None,
        n=test.n,
        interval=one.how or "none",
        outcome=test.outcome,
        correlation=one.correlation if np.isfinite(one.correlation) else None,
        crossed=one.crossed[:2] if one.crossed.how else None,
        turning=one.turning,
        needed=needed,
    )


def describe_details(claim: Claim, pool: Pool) -> Iterator[dict[str, Any]]:
    """Yields the secondary contrasts, whose intervals are not adjusted."""
    for name, contrast in claim.details.items():
        yield describe_detail(name, contrast, pool, claim)


def describe_detail(
    name: str, contrast: Contrast, pool: Pool, claim: Claim
) -> dict[str, Any]:
    """Returns one line of the details; what is unknown is None."""
    one = estimate(pool, claim, contrast, NO_MARGIN)
    known = bool(one.how)
    return {
        "contrast": name,
        "effect": one.test.mean if one.differences else None,
        "low": one.test.interval.low if known else None,
        "high": one.test.interval.high if known else None,
        "unit": contrast.measure.unit,
        "interval": one.how or "none",
        "n": one.test.n,
    }
