"""All verdicts in one picture: every effect that decides, in units of its margin."""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from research.claims.estimate import EXACT
from research.claims.verdict import (
    DESCRIPTIVE,
    NO_DIFFERENCE,
    NOT_RUN,
    REFUTED,
    SUPPORTED,
    UNDETERMINED,
    Answer,
    Verdict,
)
from research.errors import NoRows
from research.report.effects import (
    count_answers,
    format_cases,
    say_contrast,
    say_verdict,
    scale_of,
)
from research.report.estimates import format_seeds
from research.report.figures.looks import WIDTHS, Width, current, styled
from research.report.figures.statements import count_known
from research.report.figures.style import (
    BLUE,
    GREEN,
    GREY,
    PURPLE,
    RED,
    create_axes,
)
from research.report.figures.texts import LEADING, Drawn, count_letters, describe
from research.report.possible import clip_all
from research.report.results import Results
from research.report.words import capitalize, word_key

COLORS = {
    SUPPORTED: (BLUE, "o"),
    REFUTED: (RED, "s"),
    NO_DIFFERENCE: (GREEN, "v"),
    UNDETERMINED: (GREY, "D"),
}
DEPENDS = (PURPLE, "^")
NAMES = 0.5  # of the width of the figure, for what is asked
MANY = 3  # cases in a line of the picture; more are drawn thin

Asked = tuple[Verdict, Answer]


@styled
def draw(results: Results, *, width: Width = "two") -> Drawn:
    """Draws all effects with their intervals, in units of the margin.

    The axis is linear between −1 and 1, the margins, and logarithmic beyond. What has
    not been run is named beside.

    Args:
      results: with runs of the experiments.
      width: `one` or `two` columns; what is asked takes half of it.

    Raises:
      UserError: there are no runs of the experiments.
      NoRows: no question has rows.
    """
    verdicts = clip_all(results.verdicts)
    asked = [(one, answer) for one in verdicts for answer in one.answers]
    found = [each for each in asked if count_known(each[1])]
    if not found:
        raise NoRows("no rows of any claim; run an experiment=…")
    look = current()
    letters = count_letters(NAMES * WIDTHS[width], look.small)
    labels = [label_answer(*each, letters) for each in found]
    lines = [label.count("\n") + 1.6 for label in labels]
    places = np.cumsum(lines) - np.array(lines) / 2
    each = LEADING * look.small / 72
    figure, axes = create_axes(width, each * sum(lines) + 0.6)
    axes.set_xscale("symlog", linthresh=1)
    axes.axvspan(-1, 1, color=GREY, alpha=0.12, lw=0, zorder=0)
    for place, (_, answer) in zip(places, found, strict=True):
        draw_answer(axes, place, answer)
    axes.set_yticks(places, labels)
    axes.tick_params(axis="y", labelsize=look.small)
    for tick, (_, answer) in zip(axes.get_yticklabels(), found, strict=True):
        tick.set_color(style_answer(answer)[0])
    axes.set_ylim(sum(lines), 0)
    axes.axvline(0, color=GREY, lw=0.6, zorder=0)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "−"))
    axes.set_xlabel("Effect, in units of its margin")
    cases = [case for _, one in found for case in one.cases]
    seeds = pd.Series([one.n for one in cases if one.interval.endswith("seeds")])
    over = f", {format_seeds(seeds)}" if len(seeds) else ""
    describe(
        figure,
        count_answers(answer for _, answer in asked),
        shows="Each question that has rows, its effect in units of its margin; one "
        "mark for each case, from the top in the order in which the numbers follow.",
        numbers=" ".join(map(say, found)),
        note=f"Bars: 95 % intervals{over}.{name_intervals(found)} Shaded: within the "
        f"margin.{name_without_margin(found)}{list_others(verdicts)}",
    )
    return figure


def say(asked: Asked) -> str:
    """Returns a question with its verdict and numbers, as a sentence."""
    one, answer = asked
    cases = format_cases(answer)
    return (
        f"{name(one, answer)}, {say_verdict(answer.verdict)}: "
        f"{cases} {scale_of(answer.unit).unit}."
    )


def name(one: Verdict, answer: Answer) -> str:
    """Returns `C6, the stride`, or the claim alone where the key is no word."""
    return f"{one.id}, {key}" if (key := word_key(answer.key)) else one.id


def name_intervals(found: list[Asked]) -> str:
    """Names the questions whose intervals are over anything but seeds, or missing."""
    kinds: dict[str, list[str]] = {}
    for one, answer in found:
        for case in answer.cases:
            if case.effect is not None and not case.interval.endswith("seeds"):
                kinds.setdefault(case.interval, []).append(name(one, answer))
    named = {kind: "; ".join(dict.fromkeys(names)) for kind, names in kinds.items()}
    exact = named.pop(EXACT, "")
    told = [f" {names}: {kind}." for kind, names in named.items()]
    told += [f" No bars, since counts are exact: {exact}."] * bool(exact)
    return "".join(told)


def name_without_margin(found: list[Asked]) -> str:
    """Names the questions whose margin is 0: their effects have a unit of their own."""
    named = [f"{name(*each)} ({each[1].unit})" for each in found if not each[1].margin]
    text = "In its own unit, since the margin is 0"
    return f" {text}: {'; '.join(named)}." if named else ""


def list_others(found: list[Verdict]) -> str:
    """Names the claims that the picture leaves out, and why."""
    kinds: dict[str, list[str]] = {NOT_RUN: [], DESCRIPTIVE: []}
    for one in found:
        if not any(map(count_known, one.answers)):
            missing = all(each["effect"] is None for each in one.details)
            pending = one.answers or (one.details and missing)
            kinds[NOT_RUN if pending else DESCRIPTIVE].append(one.id)
    named = [f"{kind}: {', '.join(ids)}" for kind, ids in kinds.items() if ids]
    return "".join(f" {capitalize(one)}." for one in named)


def draw_answer(axes: Axes, place: float, one: Answer) -> None:
    """Draws the effect in each case of a question."""
    color, marker = style_answer(one)
    drawn = [case for case in one.cases if case.effect is not None]
    heights = np.linspace(-0.7, 0.7, len(drawn)) if len(drawn) > 1 else [0.0]
    thin = 0.6 if len(drawn) > MANY else 1
    size = abs(one.margin) or 1.0
    for height, case in zip(heights, drawn, strict=True):
        at, effect = place + height, case.effect or 0.0
        ends = [effect if end is None else end for end in (case.low, case.high)]
        axes.plot([end / size for end in ends], 2 * [at], color=color, lw=1.6 * thin)
        axes.plot(effect / size, at, marker, color=color, ms=5 * thin)


def style_answer(one: Answer) -> tuple[str, str]:
    """Returns the colour and marker of an answer."""
    return COLORS.get(one.verdict.partition(":")[0], DEPENDS)


def label_answer(one: Verdict, answer: Answer, letters: int) -> str:
    """Returns what stands beside an effect: id, what is asked, verdict."""
    asks = say_contrast(answer.asks, answer.unit)
    asked = f"{name(one, answer)}, {say_verdict(answer.verdict)}: {asks}"
    return textwrap.fill(asked, letters)
