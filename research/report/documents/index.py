"""The way to the pages: every sentence with its verdict in words and a link."""

from __future__ import annotations

from collections.abc import Sequence

from research.claims.verdict import DESCRIPTIVE, NOT_RUN
from research.report.documents.claim import list_answers
from research.report.documents.judged import Judged
from research.report.documents.words import (
    list_words,
    say_verdict,
    write_table,
)
from research.report.words import capitalize, word_key

NESTED = "\n    - "  # within a numbered item, also from 10 on


def write_index(found: Sequence[Judged], folder: str) -> str:
    """Returns a numbered list of sentences, in the order given, in Markdown.

    Args:
      found: the claims.
      folder: of their pages, as the document links to it.
    """
    return "\n".join(
        f"{place}. {write_item(one, folder)}" for place, one in enumerate(found, 1)
    )


def write_item(one: Judged, folder: str) -> str:
    """Returns a sentence with its verdict, a line for each question."""
    link = f"[{one.verdict.id}]({folder}/{one.id}.md)"
    said = f"{one.claim.sentence} {link}"
    answers = one.verdict.answers
    if not one.ran or not answers:
        verdict = one.verdict.verdict if one.ran else NOT_RUN
        return f"{said}{NESTED}**{capitalize(say_verdict(verdict))}**"
    return NESTED.join([said, *list_answers(answers)])


def write_count(found: Sequence[Judged]) -> str:
    """Returns how many of the claims were run: `5 of 18; C3, C4 … not yet`."""
    ran = [one for one in found if one.ran]
    missing = [one.verdict.id for one in found if not one.ran]
    text = f"{len(ran)} of {len(found)} sentences have been run"
    return f"{text}; not yet {list_words(missing)}" if missing else text


def write_summary(found: Sequence[Judged], folder: str) -> str:
    """Returns a table of the claims that were decided: a sentence and its verdicts.

    Args:
      found: the claims; those that were not run, or decide nothing, are left out.
      folder: of their pages, as the document links to it.
    """
    lines = [
        [f"[{one.verdict.id}]({folder}/{one.id}.md)", one.claim.sentence, say_all(one)]
        for one in found
        if one.ran and one.verdict.verdict != DESCRIPTIVE
    ]
    return write_table(["", "sentence", "verdict"], lines)


def say_all(one: Judged) -> str:
    """Returns the verdict of each question of a claim, in one line."""
    answers = one.verdict.answers
    if len(answers) < 2:
        return f"**{say_verdict(one.verdict.verdict)}**"
    ran = [answer for answer in answers if answer.verdict != NOT_RUN]
    said = [
        f"{word_key(one.key)}: **{say_verdict(one.verdict)}**".removeprefix(": ")
        for one in ran
    ]
    return "; ".join([*said, *["the rest is not run yet"] * (len(ran) < len(answers))])
