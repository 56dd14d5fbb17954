"""The verdicts: every claim judged by the rows.

Raise `versions.JUDGEMENT` whenever other estimates count, or p tests something else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from research import claims
from research.claims.claim import Claim
from research.claims.estimate import EXACT, Estimate, estimate
from research.claims.measure import Contrast
from research.claims.pool import Pool
from research.claims.remarks import remarks
from research.claims.rule import combine, correct, decide
from research.claims.verdict import PRIMARY, Verdict
from research.stats import holm


def verdicts(pool: Pool) -> list[Verdict]:
    """Returns a verdict for every claim; one without rows is inconclusive."""
    single = [judge(name, pool) for name in claims.ids()]
    adjusted = holm([1.0 if one.p is None else one.p for one in single])
    return [
        adjust(one, None if one.p is None else float(p))
        for one, p in zip(single, adjusted, strict=True)
    ]


def judge(name: str, pool: Pool) -> Verdict:
    """Returns the verdict on one claim, before the number of claims is corrected for.

    It is reached once for each pool.
    """
    if name not in pool.verdicts:
        pool.verdicts[name] = judge_claim(name, claims.load()[name], pool)
    return pool.verdicts[name]


def judge_claim(name: str, claim: Claim, pool: Pool) -> Verdict:
    """Returns the verdict on a claim that need not be one of the files here.

    Effect and interval are those of the first level, the others stand in the details.
    """
    command = f"python scripts/train.py experiment={name} scale={pool.scale}"
    levels = {
        level: estimate_weakest(pool, claim, contrasts)
        for level, contrasts in claim.contrasts.items()
    }
    decisions = {
        level: decide(one.interval, claim.threshold) for level, one in levels.items()
    }
    first = next(iter(levels.values()))
    known = [one.p for one in levels.values() if one.p is not None]
    unit = next(iter(claim.contrasts.values()))[0].measure.unit
    ends = first.interval if first.interval.how else None
    return Verdict(
        id=name.upper(),
        sentence=claim.sentence,
        contrast=claim.comparison,
        verdict=combine(decisions, claim.factor),
        effect=first.effect if first.seeds else None,
        low=ends.low if ends else None,
        high=ends.high if ends else None,
        margin=claim.threshold,
        unit=unit,
        interval=describe_interval(first),
        n=first.seeds,
        p=max(known) if len(known) == len(levels) else None,
        remarks=tuple(remarks(name, claim, levels, decisions, pool, command)),
        details=tuple(details(claim, levels, decisions, pool)),
        figures=("verdicts", name, *claim.figures),
        command=command,
        fingerprint=pool.fingerprint(claim),
    )


def adjust(verdict: Verdict, adjusted: float | None) -> Verdict:
    """Returns a verdict with its p corrected for the number of claims."""
    final = correct(verdict.verdict, adjusted)
    remark = (
        ("Its interval supports it, but not after Holm's rule over all claims.",)
        if final != verdict.verdict
        else ()
    )
    return replace(
        verdict, verdict=final, adjusted=adjusted, remarks=remark + verdict.remarks
    )


def estimate_weakest(
    pool: Pool, claim: Claim, contrasts: tuple[Contrast, ...]
) -> Estimate:
    """Estimates a claim's least favourable contrast; one without rows if any."""
    found = [
        estimate(one, pool.values(claim, one.measure), null_effect(claim, one))
        for one in contrasts
    ]
    return min(found, key=lambda one: (bool(one.interval.how), one.interval.low))


def null_effect(claim: Claim, contrast: Contrast) -> float:
    """Returns the effect that p is of: 0, or the threshold where 0 means nothing.

    That is so for "no worse than", and for the value of an arm by itself.
    """
    alone = abs(sum(contrast.arms.values())) > 1e-9
    return claim.threshold if claim.no_worse or alone else 0.0


def details(
    claim: Claim,
    levels: Mapping[str, Estimate],
    decisions: Mapping[str, str],
    pool: Pool,
) -> Iterator[dict[str, Any]]:
    """Yields the levels of the primary contrast, then the further contrasts."""
    for level, one in levels.items():
        unit = claim.contrasts[level][0].measure.unit
        yield describe(PRIMARY + level, one, unit, decisions[level])
    for name, contrast in claim.details.items():
        one = estimate(contrast, pool.values(claim, contrast.measure))
        yield describe(name, one, contrast.measure.unit, "")


def describe(name: str, one: Estimate, unit: str, verdict: str) -> dict[str, Any]:
    """Returns one line of the details; what is unknown is None."""
    known = bool(one.interval.how)
    return {
        "contrast": name,
        "effect": one.effect if one.seeds else None,
        "low": one.interval.low if known else None,
        "high": one.interval.high if known else None,
        "unit": unit,
        "interval": describe_interval(one),
        "n": one.seeds,
        "verdict": verdict,
    }


def describe_interval(one: Estimate) -> str:
    """Names an interval: `paired t over 5 seeds`."""
    if one.interval.how in ("", EXACT):
        return one.interval.how or "none"
    return one.interval.how.replace("seeds", f"{one.seeds} seeds", 1)
