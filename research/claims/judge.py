"""The verdicts: every claim held against the rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from research import claims
from research.claims.claim import Claim, Contrast
from research.claims.estimate import EXACT, Estimate, Pool
from research.claims.rule import combine, corrected, decide
from research.claims.verdict import PRIMARY, Verdict
from research.errors import UserError
from research.stats import holm


def verdicts(
    runs: pd.DataFrame, rows: pd.DataFrame, metrics: pd.DataFrame
) -> list[Verdict]:
    """Returns a verdict for every claim; one without rows is inconclusive.

    Args:
      runs: as `read_runs` returns them.
      rows: as `read_rows` returns them.
      metrics: as `read_metrics` returns them.

    Raises:
      UserError: none of the runs is one of an experiment's points, or they are of
        several scales.
    """
    pool, scale = gather(runs, rows, metrics)
    single = [judge(name, one, pool, scale) for name, one in claims.load().items()]
    adjusted = holm([1.0 if one.p is None else one.p for one in single])
    return [
        settled(one, None if one.p is None else float(p))
        for one, p in zip(single, adjusted, strict=True)
    ]


def gather(
    runs: pd.DataFrame, rows: pd.DataFrame, metrics: pd.DataFrame
) -> tuple[Pool, str]:
    """Returns the pool of runs and their scale; arguments and errors as `verdicts`."""
    pool = Pool(runs, rows, metrics)
    settings = pool.runs["setting"].dropna() if "setting" in pool.runs else []
    scales = {str(one).partition("/")[0] for one in settings} - {"None"}
    if len(scales) != 1:
        raise UserError(
            f"verdicts need runs of experiments at one scale, and found "
            f"{', '.join(sorted(scales)) or 'none'}; make them with "
            "scripts/train.py experiment=c1,c2 scale=cpu, or choose a folder by runs=…"
        )
    return pool, scales.pop()


def judge(name: str, claim: Claim, pool: Pool, scale: str) -> Verdict:
    """Returns the verdict on one claim, before the number of claims is corrected for.

    Effect and interval are those of the first level, the others stand in the details.
    """
    command = f"python scripts/train.py experiment={name} scale={scale}"
    levels = {level: least(pool, claim, given) for level, given in claim.levels.items()}
    said = {
        level: decide(one.interval, claim.threshold) for level, one in levels.items()
    }
    first = next(iter(levels.values()))
    whole = [one.p for one in levels.values()]
    unit = next(iter(claim.levels.values()))[0].measure.unit
    known = first.seeds > 0
    ends = first.interval if first.interval.how else None
    return Verdict(
        id=name.upper(),
        sentence=claim.sentence,
        contrast=claim.contrast,
        verdict=combine(said, claim.factor),
        effect=first.effect if known else None,
        low=ends.low if ends else None,
        high=ends.high if ends else None,
        margin=claim.threshold,
        unit=unit,
        interval=worded(first),
        n=first.seeds,
        p=None if None in whole else max(whole),
        remarks=tuple(remarks(name, claim, levels, said, pool, command)),
        details=tuple(details(claim, levels, said, pool)),
        figures=("verdicts", name, *claim.figures),
        command=command,
        rule=claims.rules()[name],
    )


def settled(verdict: Verdict, adjusted: float | None) -> Verdict:
    """Returns a verdict with its p corrected for the number of claims."""
    final = corrected(verdict.verdict, adjusted)
    remark = (
        ("Its interval supports it, but not after Holm's rule over all claims.",)
        if final != verdict.verdict
        else ()
    )
    return replace(
        verdict, verdict=final, adjusted=adjusted, remarks=remark + verdict.remarks
    )


def least(pool: Pool, claim: Claim, contrasts: tuple[Contrast, ...]) -> Estimate:
    """Returns the contrast that says least for the claim; one without rows if any."""
    found = [pool.estimate(one, null(claim, one)) for one in contrasts]
    return min(found, key=lambda one: (bool(one.interval.how), one.interval.low))


def null(claim: Claim, contrast: Contrast) -> float:
    """The effect that p is of: none, or the threshold where there is nothing to none.

    That is so for "no worse than", and for the value of an arm by itself.
    """
    alone = abs(sum(contrast.arms.values())) > 1e-9
    return claim.threshold if claim.no_worse or alone else 0.0


def details(
    claim: Claim,
    levels: Mapping[str, Estimate],
    said: Mapping[str, str],
    pool: Pool,
) -> Iterator[dict[str, Any]]:
    """Yields the levels of the primary contrast, then the further contrasts."""
    for level, one in levels.items():
        unit = claim.levels[level][0].measure.unit
        yield detail(PRIMARY + level, one, unit, said[level])
    for name, contrast in claim.details.items():
        yield detail(name, pool.estimate(contrast), contrast.measure.unit, "")


def detail(name: str, one: Estimate, unit: str, verdict: str) -> dict[str, Any]:
    """Returns one line of the details; what is unknown is None."""
    known = bool(one.interval.how)
    return {
        "contrast": name,
        "effect": one.effect if one.seeds else None,
        "low": one.interval.low if known else None,
        "high": one.interval.high if known else None,
        "unit": unit,
        "interval": worded(one),
        "n": one.seeds,
        "verdict": verdict,
    }


def worded(one: Estimate) -> str:
    """Names an interval: `paired t over 5 seeds`."""
    if one.interval.how in ("", EXACT):
        return one.interval.how or "none"
    return one.interval.how.replace("seeds", f"{one.seeds} seeds", 1)


def remarks(
    name: str,
    claim: Claim,
    levels: Mapping[str, Estimate],
    said: Mapping[str, str],
    pool: Pool,
    command: str,
) -> Iterator[str]:
    """Yields what a reader must know before believing the verdict."""
    if len(levels) > 1:
        yield "; ".join(f"{level}: {verdict}" for level, verdict in said.items()) + "."
    missing = {arm for one in levels.values() for arm in one.missing}
    if missing:
        yield (
            f"No rows of {len(missing)} arms of the primary contrast, such as "
            f"`{min(missing)}`; run `{command}`."
        )
    seeds = min(one.seeds for one in levels.values())
    exact = all(one.interval.how == EXACT for one in levels.values())
    if seeds < claim.seeds and not exact:
        yield f"{seeds} of {claim.seeds} seeds that were wanted."
    used = pool.runs[pool.runs["point"].isin(claim.arms)]
    if len(used):
        yield trained(used)
        yield precedence(name, used)
    if claim.note:
        yield claim.note


def trained(used: pd.DataFrame) -> str:
    """Says on what the networks were trained."""
    kinds = {
        tuple(config.get(key) for key in SHOWN)
        for config in used["config"]
        if config.get("data.name")
    }
    texts = sorted(
        f"{data}, {'all' if n is None else format(n, ',')} training images, "
        f"{epochs} epoch{'s' if epochs != 1 else ''}"
        for data, n, epochs in kinds
    )
    return f"Trained on: {'; '.join(texts)}."


SHOWN = ("data.name", "data.train_examples", "train.epochs")


def precedence(name: str, used: pd.DataFrame) -> str:
    """Says whether the rule, as it is now, was there before the runs."""
    now = claims.rules()
    files = (name, "rule", "claim")
    same = [
        isinstance(kept, dict) and all(kept.get(file) == now[file] for file in files)
        for kept in used["rules"]
    ]
    dirty = int(np.sum(used["dirty"].fillna(True).astype(bool)))
    text = (
        f"All {len(used)} runs carry the hash of this rule: it was fixed before them"
        if all(same)
        else f"{len(used) - sum(same)} of {len(used)} runs carry the hash of another "
        "text of this rule"
    )
    return text + (f"; {dirty} were made from a modified checkout." if dirty else ".")
