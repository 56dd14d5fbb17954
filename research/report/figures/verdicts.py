"""The verdicts as a table and as one picture: every effect over its margin."""

from __future__ import annotations

import math
import textwrap

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from research.claims.judge import verdicts
from research.claims.pool import gather
from research.claims.setting import Compose
from research.claims.verdict import INCONCLUSIVE, REFUTED, SUPPORTED, Verdict
from research.report.figures.arms import seeds
from research.report.figures.style import (
    BLUE,
    GREY,
    PURPLE,
    RED,
    canvas,
    note,
    styled,
)

COLORS = {SUPPORTED: (BLUE, "o"), REFUTED: (RED, "s"), INCONCLUSIVE: (GREY, "D")}
DEPENDS = (PURPLE, "^")
SENTENCE = 62  # characters in a line of the picture
MANY = 3  # cases in a line of the picture; more are drawn thin


def judge_all(
    runs: pd.DataFrame, rows: pd.DataFrame, metrics: pd.DataFrame, *, compose: Compose
) -> list[Verdict]:
    """Returns the verdicts on runs; see `research.claims.pool.gather`."""
    return verdicts(gather(runs, rows, metrics, compose=compose))


def table(
    runs: pd.DataFrame, rows: pd.DataFrame, metrics: pd.DataFrame, *, compose: Compose
) -> pd.DataFrame:
    """Returns a line per claim.

    Args:
      runs: as `read_runs` returns them.
      rows: as `read_rows` returns them.
      metrics: as `read_metrics` returns them.
      compose: see `research.claims.pool.gather`.

    Returns:
      `id`, `sentence`, `verdict`, `effect`, `low`, `high`, `margin`, `unit`,
      `interval`, `n` seeds, `p`, `adjusted`, `cases`, `contrast`, `remarks`,
      `fingerprint`, `command`; None where unknown. `attrs["caption"]` says how to read
      it.

    Raises:
      UserError: there are no runs of the experiments.
    """
    found = judge_all(runs, rows, metrics, compose=compose)
    lines = [{name: getattr(one, name) for name in COLUMNS} for one in found]
    made = pd.DataFrame(lines, columns=COLUMNS)
    made["cases"] = [effects(one) for one in found]
    made["remarks"] = [" ".join(one.remarks) for one in found]
    made.attrs["caption"] = CAPTION
    made.attrs["text"] = pd.DataFrame([readable(one) for one in found])
    return made


COLUMNS = [
    *("id", "sentence", "verdict", "effect", "low", "high", "margin", "unit"),
    *("interval", "n", "p", "adjusted", "cases"),
    *("contrast", "remarks", "fingerprint", "command"),
]
CAPTION = (
    "Supported: the 95 % interval of the primary contrast lies above the margin, and p "
    "survives Holm's rule over the 16 claims. Refuted: it lies below. Depends: the "
    "named cases decide differently. A negative margin: the sentence says no worse "
    "than by so much. p: of no effect, of one at the margin where that is negative, "
    "the largest over the cases. Only a support can be taken back by it: intervals, "
    "refutations and the cases of what depends are not corrected for their number."
)


def readable(one: Verdict) -> dict[str, str]:
    """Returns a line as people read it, all of it text."""
    return {
        "": one.id,
        "sentence": one.sentence,
        "verdict": one.verdict,
        "effect [95 %]": effects(one),
        "margin": f"{one.margin:g} {one.unit}".replace("-", "−"),
        "over": "; ".join(
            dict.fromkeys(case.interval.removeprefix("paired ") for case in one.cases)
        ),
        "p, Holm": "–" if one.adjusted is None else f"{one.adjusted:.2g}",
    }


def effects(one: Verdict) -> str:
    """Returns `flatten 4.45; global pooling 0.00`: the effect in each case."""
    return "; ".join(
        f"{case.name} {interval(case.effect, case.low, case.high)}".lstrip()
        for case in one.cases
    )


def interval(effect: float | None, low: float | None, high: float | None) -> str:
    """Returns `4.2 [1.1, 7.3]`."""
    if effect is None:
        return "–"
    if low is None or high is None or low == high:
        return number(effect)
    return f"{number(effect)} [{number(low)}, {number(high)}]"


def number(value: float) -> str:
    """Three digits, and at least two after the point below ten."""
    rounded = f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
    return rounded.replace("-", "−")


@styled
def draw(
    runs: pd.DataFrame,
    rows: pd.DataFrame,
    metrics: pd.DataFrame,
    *,
    compose: Compose,
    width: str = "two",
) -> Figure:
    """Draws all effects with their intervals, in units of the margin.

    The axis is linear between −1 and 1 and logarithmic beyond: what is of interest
    begins at 1 or, where the sentence says "no worse", at −1.

    Args:
      runs: as `read_runs` returns them.
      rows: as `read_rows` returns them.
      metrics: as `read_metrics` returns them.
      compose: see `research.claims.pool.gather`.
      width: `one` or `two` columns.

    Raises:
      UserError: there are no runs of the experiments.
    """
    found = judge_all(runs, rows, metrics, compose=compose)
    figure, axes = canvas(width, 0.42 * len(found) + 1)
    axes.set_xscale("symlog", linthresh=1)
    for place, one in enumerate(found):
        color, marker = look(one)
        threshold = math.copysign(1, one.margin)
        axes.plot(2 * [threshold], [place - 0.35, place + 0.35], color="black", lw=1)
        if one.effect is None:
            axes.annotate("no rows yet", (threshold, place), (6, 0), **BESIDE)
            continue
        drawn = [case for case in one.cases if case.effect is not None]
        heights = np.linspace(-0.28, 0.28, len(drawn)) if len(drawn) > 1 else [0.0]
        thin = 0.6 if len(drawn) > MANY else 1
        for height, case in zip(heights, drawn, strict=True):
            at, size = place + height, abs(one.margin)
            ends = (
                case.effect if end is None else end for end in (case.low, case.high)
            )
            bar = [end / size for end in ends]
            axes.plot(bar, 2 * [at], color=color, lw=1.6 * thin)
            axes.plot(case.effect / size, at, marker, color=color, ms=5 * thin)
    axes.set_yticks(range(len(found)), [named(one) for one in found])
    for tick, one in zip(axes.get_yticklabels(), found, strict=True):
        tick.set_color(look(one)[0])
    axes.invert_yaxis()
    axes.axvline(0, color=GREY, lw=0.6, zorder=0)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "−"))
    axes.set_xlabel("Effect, in units of its margin")
    over = seeds(pd.Series([one.n for one in found if one.n] or [0]))
    text = f"Bars: 95 % intervals, {over}; one for each case."
    note(figure, f"{text} Black: what they must lie above.")
    return figure


BESIDE = {"textcoords": "offset points", "va": "center", "color": GREY, "fontsize": 7}


def look(one: Verdict) -> tuple[str, str]:
    """Returns the colour and marker of a verdict."""
    return COLORS.get(one.verdict, DEPENDS)


def named(one: Verdict) -> str:
    """Returns what stands beside a verdict: id, sentence, verdict."""
    sentence = textwrap.shorten(one.sentence, SENTENCE, placeholder=" …")
    return f"{one.id}  {sentence}\n{one.verdict}"
