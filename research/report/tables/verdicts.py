"""The table of verdicts: a line for each claim."""

from __future__ import annotations

from typing import Any

import pandas as pd

from research.claims.verdict import Verdict
from research.report.effects import format_cases, format_rule, say_contrast
from research.report.possible import clip_all
from research.report.results import Results

COLUMNS = [
    *("id", "sentence", "verdict", "answers", "effect", "low", "high", "margin"),
    *("unit", "interval", "n", "p", "adjusted", "design", "limits", "remarks"),
    *("fingerprint", "command"),
]
CAPTION = (
    "Each claim asks one question or several; effect, interval and p are of the first "
    "one's first case, the table of cases has all. An interval at 95 % over seeds is "
    "compared with a margin that was fixed before the runs: beyond it the sentence is "
    "supported or refuted, within it there is no difference. The decisions of "
    "{families} questions stand only if p at the margin, after Holm's rule over their "
    "family, is at most .05; the others are not corrected for their number."
)


def tabulate(results: Results) -> pd.DataFrame:
    """Returns a line per claim.

    Args:
      results: with runs of the experiments.

    Returns:
      `id`, `sentence`, `verdict`, `answers`, `effect`, `low`, `high`, `margin`,
      `unit`, `interval`, `n` seeds, `p`, `adjusted`, `design`, `limits`, `remarks`,
      `fingerprint`, `command`; None where unknown. `attrs["caption"]` says how to read
      it, and `attrs["text"]` is what people read.

    Raises:
      UserError: there are no runs of the experiments.
    """
    found = results.verdicts
    table = pd.DataFrame([describe(one) for one in found], columns=COLUMNS)
    families = dict.fromkeys(
        answer.family for one in found for answer in one.answers if answer.family
    )
    said = " and ".join(f"{size} {name}" for name, size in families)
    table.attrs["caption"] = CAPTION.format(families=said)
    lines = [line for one in clip_all(found) for line in format_verdict(one)]
    table.attrs["text"] = pd.DataFrame(lines)
    return table


def describe(one: Verdict) -> dict[str, Any]:
    """Returns a line of the table."""
    own: dict[str, Any] = {
        "id": one.id,
        "sentence": one.sentence,
        "verdict": one.verdict,
        "answers": "; ".join(
            f"{answer.key}: {answer.verdict}".removeprefix(": ")
            for answer in one.answers
        ),
        "design": one.design,
        "limits": one.limits,
        "remarks": " ".join(one.remarks),
        "fingerprint": one.fingerprint,
        "command": one.command,
    }
    if not one.answers:
        return own
    first = one.answers[0]
    names = ("effect", "low", "high", "interval", "n")
    return own | {
        **{name: getattr(first.first, name) for name in names},
        **{name: getattr(first, name) for name in ("margin", "unit", "p", "adjusted")},
    }


def format_verdict(one: Verdict) -> list[dict[str, str]]:
    """Returns a line for each question, as people read them, all of it text."""
    if not one.answers:
        line = [one.id, one.sentence, "", one.verdict, "", "", ""]
        return [dict(zip(HEAD, line, strict=True))]
    lines = []
    for place, answer in enumerate(one.answers):
        adjusted = "–" if answer.adjusted is None else f"{answer.adjusted:.2g}"
        line = [
            "" if place else one.id,
            "" if place else one.sentence,
            say_contrast(answer.asks, answer.unit),
            answer.verdict,
            format_cases(answer),
            format_rule(answer),
            adjusted,
        ]
        lines.append(dict(zip(HEAD, line, strict=True)))
    return lines


HEAD = ("", "sentence", "question", "verdict", "effect [95 %]", "rule", "p, Holm")
