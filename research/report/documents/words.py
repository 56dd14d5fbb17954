"""Verdicts, contrasts and tables in the words of the documents."""

from __future__ import annotations

import re
from collections.abc import Sequence

from research.claims.verdict import DEPENDS, DESCRIPTIVE, NOT_RUN
from research.report import effects
from research.report.effects import say_contrast
from research.report.formats import MISSING
from research.report.tables.forms import WRAPPED, escape_markdown
from research.report.words import spell_arms

SAID = {NOT_RUN: "not run yet", DESCRIPTIVE: "descriptive: it decides nothing"}
NAMES = {
    "scenes/mnist": "scenes (digits of MNIST over photographs)",
    "scenes/fashion_mnist": "scenes (clothes of Fashion-MNIST over photographs)",
    "faces_jumbled": "faces, intact and jumbled",
    "mnist": "MNIST",
    "fashion_mnist": "Fashion-MNIST",
    "cifar10": "CIFAR-10",
    "marks10": "marks 10 pixels apart",
    "marks14": "marks 14 pixels apart",
}
SETS = re.compile(rf"\b({'|'.join(NAMES)})\b")


def say_verdict(verdict: str) -> str:
    """Returns a verdict as a phrase: `it depends on the head`."""
    said = effects.say_verdict(verdict)
    return f"it {said}" if said.startswith(DEPENDS) else SAID.get(said, said)


def say_detail(text: str, unit: str) -> str:
    """Returns what is compared beside the questions, with options in words."""
    return say_contrast(spell_arms(text), unit)


def list_words(words: Sequence[str]) -> str:
    """Returns `a, b and c`."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def end_sentence(text: str) -> str:
    """Returns a text with a full stop, where it has no mark at its end."""
    return text if text[-1:] in ".?!" else f"{text}."


def name_data(text: str) -> str:
    """Returns a text with data sets by the names that people know."""
    return SETS.sub(lambda found: NAMES[found[0]], text)


def count_words(number: int, what: str) -> str:
    """Returns `1 seed` or `10 seeds`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def write_table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Returns a table in Markdown without the columns in which nothing is known.

    The first column and those of texts are to the left, all others to the right.
    """
    kept = [
        place
        for place in range(len(head))
        if any(line[place] not in ("", MISSING) for line in lines)
    ]
    rows = [[escape_markdown(row[place]) for place in kept] for row in [head, *lines]]
    longest = [max(map(len, cells)) for cells in zip(*rows[1:], strict=True)]
    rule = ["---" if long > WRAPPED else "--:" for long in longest]
    if kept[:1] == [0]:
        rule[0] = "---"
    rows.insert(1, rule)
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
