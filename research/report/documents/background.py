"""The second half of a claim's page: limits, commands, publications, provenance."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from research.claims.b6 import PUBLISHED
from research.claims.measure import Timed
from research.claims.remarks import describe_registration
from research.report.documents.judged import Judged
from research.report.documents.words import list_words, say_detail, write_table
from research.report.effects import scale_of
from research.report.results import TIMES

SHOWN = 8  # characters of a commit


def write_background(found: Judged, folder: str) -> str:
    """Returns the page from its limits on, in Markdown.

    Args:
      found: the claim.
      folder: of the store, as the page links to it.
    """
    parts = [
        "## Limits",
        found.claim.limits,
        *write_published(found),
        "## Run it or challenge it",
        *write_commands(found),
        "## Provenance",
        *write_provenance(found, folder),
    ]
    return "\n\n".join(part for part in parts if part)


def write_published(found: Judged) -> Iterator[str]:
    """Yields what publications report of the same differences, with ours beside."""
    lines = []
    for one in found.verdict.details:
        if one["contrast"] in PUBLISHED:
            scale = scale_of(one["unit"])
            ours = scale.format(one["effect"], one["low"], one["high"])
            title = say_detail(one["contrast"], one["unit"])
            unit = scale.unit if one["effect"] is not None else ""
            lines.append([title, PUBLISHED[one["contrast"]], f"{ours} {unit}".strip()])
    if lines:
        yield "## What was published"
        yield write_table(["difference", "published", "ours"], lines)


def write_commands(found: Judged) -> Iterator[str]:
    """Yields how its runs are made, and how another makes them differently."""
    command, scale = found.verdict.command, found.pool.scale
    file = f"research/claims/{found.id}.py"
    link = f"[`{file}`](../../{file})"
    yield f"The sentence, its networks and its rule are in {link}."
    if not found.claim.arms:
        yield f"```sh\n{command}\n```"
        return
    yield (
        "Training skips what is done and resumes what was stopped; the report has "
        "verdicts, figures and a page:"
    )
    yield f"```sh\n{command}\npython scripts/report.py runs=outputs/{scale}\n```"
    yield "With seeds of your own:"
    yield (
        f"```sh\n{command} 'seed=range(100,110)' root=mine\n"
        "python scripts/report.py runs=mine\n```"
    )
    names = [f"conf/setting/{scale}/{one}.yaml" for one in sorted(found.settings)]
    files = list_words([f"[`{one}`](../../{one})" for one in names])
    yield (
        f"With other data, another network or more epochs: edit {files} and give "
        "the same command with `root=mine`. The runs then carry the fingerprint of the "
        "claim as you have it."
    )
    if found.claim.questions:
        yield (
            f"With another margin: edit it in {link} and write the report again. The "
            "same runs are judged by it, and the report says that they were registered "
            "for another. [How a claim is decided](../methods.md) has the rules."
        )


def write_provenance(found: Judged, folder: str) -> Iterator[str]:
    """Yields what was registered, and which runs were made for it."""
    used = found.pool.runs_of(found.claim)
    yield (
        "Fingerprint of what is registered, the sentence with its networks, settings, "
        f"rule and margin: `{found.verdict.fingerprint}`."
    )
    if found.ran and len(used):
        yield describe_registration(found.id, used, found.pool.fingerprint(found.claim))
        yield describe_store(used, folder)
    questions = found.claim.questions.values()
    measures = [one.measure for each in questions for one in each.cases.values()]
    if found.ran and any(isinstance(one, Timed) for one in measures):
        yield (
            f"All times, with the machine and the versions, are in "
            f"[`{TIMES}`]({folder}/{TIMES})."
        )


def describe_store(used: pd.DataFrame, folder: str) -> str:
    """Returns the commits of runs, and where all else about them is."""
    commits = sorted({str(one)[:SHOWN] for one in used["commit"].dropna() if one})
    which = f"commit{'s' if len(commits) > 1 else ''} {list_words(commits)}"
    return (
        f"They were made at {which}. Config, command, versions and machine of each are "
        f"in [`runs.parquet`]({folder}/runs.parquet), what was measured in "
        f"[`rows.parquet`]({folder}/rows.parquet)."
    )
