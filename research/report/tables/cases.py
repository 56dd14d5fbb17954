"""The table of cases: every contrast that decides, with all that is known of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import pandas as pd

from research import claims
from research.claims.pool import Pool
from research.claims.verdict import Answer, Case, Verdict
from research.report.effects import say_contrast, scale_of
from research.report.formats import MISSING
from research.report.possible import clip_all
from research.report.results import Results

CAPTION = (
    "One line for each contrast that decides. Crossed: interval of the bootstrap over "
    "seeds and examples, as a check. Turning: seeds without each of which the outcome "
    "would be another. Seeds needed: for an effect and spread like these to be decided "
    "with 80 % power, of what is undetermined; none named: 10,000 do not suffice."
)


def tabulate(results: Results) -> pd.DataFrame:
    """Returns a line per case of each question of each claim.

    Args:
      results: with runs of the experiments.

    Returns:
      `id`, `question`, `asks`, `family`, `verdict`, `case`, `effect`, `low`,
      `high`, `sd`, `n`, `margin`, `unit`, `interval`, `outcome`, `correlation`,
      `crossed low`, `crossed high`, `turning`, `seeds needed`, `interaction`, `p`,
      `adjusted`, `evidence`; p values are of the question. Evidence is JSON: what is
      compared, with which weights, in which runs; by it `tests/claims/recompute.py`
      computes all of this anew.

    Raises:
      UserError: there are no runs of the experiments.
    """
    found = list_cases(results.verdicts)
    table = pd.DataFrame(
        [describe(*each) | {"evidence": prove(*each, results.pool)} for each in found]
    )
    table.attrs["caption"] = CAPTION
    shown = list_cases(clip_all(results.verdicts))
    table.attrs["text"] = pd.DataFrame([format_line(*each) for each in shown])
    return table


def list_cases(verdicts: Iterable[Verdict]) -> list[tuple[Verdict, Answer, Case]]:
    """Returns every case with its question and its claim."""
    return [
        (one, answer, case)
        for one in verdicts
        for answer in one.answers
        for case in answer.cases
    ]


def describe(one: Verdict, answer: Answer, case: Case) -> dict[str, Any]:
    """Returns a line of the table."""
    low, high = case.crossed or (None, None)
    return {
        "id": one.id,
        "question": answer.key,
        "asks": answer.asks,
        "family": answer.family.name if answer.family else "",
        "verdict": answer.verdict,
        "case": case.name,
        "effect": case.effect,
        "low": case.low,
        "high": case.high,
        "sd": case.sd,
        "n": case.n,
        "margin": answer.margin,
        "unit": answer.unit,
        "interval": case.interval,
        "outcome": case.outcome,
        "correlation": case.correlation,
        "crossed low": low,
        "crossed high": high,
        "turning": " ".join(map(str, case.turning)),
        "seeds needed": case.needed,
        "interaction": write_interaction(answer),
        "p": answer.p,
        "adjusted": answer.adjusted,
    }


def write_interaction(answer: Answer) -> str:
    """Returns `flattened less global pooling: 0.12 [0.05, 0.19] log ratio, paired t`.

    As it was computed, in the unit of the effects; `effects.say_difference` says it as
    people read it.
    """
    if answer.interaction is None:
        return ""
    first, second, effect, low, high, how = answer.interaction
    numbers = f"{effect:.3g} [{low:.3g}, {high:.3g}]"
    return f"{first} less {second}: {numbers} {answer.unit}, {how}"


def prove(one: Verdict, answer: Answer, case: Case, pool: Pool) -> str:
    """Returns what a case was computed from, as JSON."""
    claim = claims.load()[one.id.lower()]
    question = claim.questions[answer.key]
    contrast = question.cases[case.name]
    known = asdict(contrast) | {
        "kind": type(contrast.measure).__name__,
        "rule": question.rule.name,
        "runs": pool.find_runs(claim, contrast),
    }
    return json.dumps(known, sort_keys=True, ensure_ascii=False)


def format_line(one: Verdict, answer: Answer, case: Case) -> dict[str, str]:
    """Returns a line as people read it, all of it text."""
    scale = scale_of(answer.unit)
    ends = case.crossed
    return {
        "": f"{one.id} {answer.key}".strip(),
        "case": case.name or say_contrast(answer.asks, answer.unit),
        "outcome": case.outcome,
        "effect [95 %]": scale.format(case.effect, case.low, case.high),
        "unit": scale.unit,
        "seeds": str(case.n),
        "crossed": MISSING
        if ends is None
        else scale.format(case.effect, *ends).partition(" ")[2],
        "turning": " ".join(map(str, case.turning)) or MISSING,
        "seeds needed": MISSING if case.needed is None else f"{case.needed:,}",
    }
