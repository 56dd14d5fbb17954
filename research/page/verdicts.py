"""Verdicts as HTML: at a glance, and each opening to its numbers and figures."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from html import escape
from typing import Any

from research.claims.verdict import INCONCLUSIVE, REFUTED, SUPPORTED, Verdict

DEPENDS = "depends"
KINDS = {SUPPORTED: "✓", REFUTED: "✗", DEPENDS: "±", INCONCLUSIVE: "?"}
WIDTH, HEIGHT = 220, 34  # of an interval's picture, in its own units
EDGE = 10


def kind(verdict: Verdict) -> str:
    """Returns `supported`, `refuted`, `depends` or `inconclusive`."""
    return verdict.verdict.partition(":")[0].strip()


def glance(verdicts: Sequence[Verdict]) -> str:
    """Returns a tile for each verdict, which opens it, after a sentence of counts."""
    kinds = [kind(verdict) for verdict in verdicts]
    counts = [counted(kinds.count(one), one) for one in KINDS if one in kinds]
    tiles = [
        f'<li><a class="tile {one}" href="#{escape(v.id)}" '
        f'title="{escape(v.sentence)}">'
        f'<span class="mark" aria-hidden="true">{KINDS.get(one, "?")}</span>'
        f'<b>{escape(v.id)}</b><span class="hidden">: {escape(v.verdict)}</span></a>'
        "</li>"
        for v, one in zip(verdicts, kinds, strict=True)
    ]
    return (
        f'<p class="counts">Of {len(verdicts)} sentences: {", ".join(counts)}.</p>'
        f'<ul class="tiles">{"".join(tiles)}</ul>'
    )


def counted(count: int, kind: str) -> str:
    """Returns `2 refuted`, `1 depends` or `2 depend`."""
    return f"{count} {'depend' if kind == DEPENDS and count > 1 else kind}"


def article(verdict: Verdict, figures: Collection[str]) -> str:
    """Returns one verdict: a line that opens to all that is known of it.

    Args:
      verdict: to show.
      figures: names of those to show; they are put in when it opens.
    """
    one = kind(verdict)
    shown = [name for name in verdict.figures if name in figures]
    parts = [
        numbers(verdict),
        remarks(verdict.remarks),
        "".join(place(name, f"{name}: {verdict.contrast}") for name in shown),
        details(verdict.details),
        command(verdict.command),
    ]
    depends = verdict.verdict.partition(":")[2].strip()
    return (
        f'<details class="verdict" id="{escape(verdict.id)}"><summary>'
        f'<span class="id">{escape(verdict.id)}</span>'
        f'<span class="sentence">{escape(verdict.sentence)}</span>'
        f'<span class="interval">{picture(verdict)}</span>'
        f'<span class="badge {one}"><span aria-hidden="true">{KINDS.get(one, "?")}'
        f"</span> {escape(one)}"
        + (
            f"<small>on {escape(depends.removeprefix('on '))}</small>"
            if depends
            else ""
        )
        + f'</span></summary><div class="body">{"".join(parts)}</div></details>'
    )


def together(verdicts: Sequence[Verdict], figures: Collection[str]) -> list[str]:
    """Returns the figures that all verdicts name: shown once, not in each of them."""
    if len(verdicts) < 2:
        return []
    common = set(figures).intersection(*(verdict.figures for verdict in verdicts))
    return [name for name in verdicts[0].figures if name in common]


def overview(names: Sequence[str]) -> str:
    """Returns the figures of all verdicts together, which open as a verdict does."""
    places = "".join(place(name, f"{name}: all verdicts") for name in names)
    if not places:
        return ""
    return (
        '<details class="verdict all"><summary>All effects in one picture</summary>'
        f'<div class="body">{places}</div></details>'
    )


def place(name: str, alt: str) -> str:
    """Returns where a figure is put in when what is around it opens."""
    return (
        f'<figure class="plot" tabindex="0" data-figure="{escape(name)}" '
        f'data-alt="{escape(alt)}"></figure>'
    )


def numbers(verdict: Verdict) -> str:
    """Returns the primary contrast with its effect, interval, margin and p values."""
    unit, places = escape(verdict.unit), decimals(verdict)
    told = [("Contrast", escape(verdict.contrast))]
    if verdict.effect is None:
        told.append(("Effect", "no rows yet"))
    else:
        ends = ""
        if ranges(verdict):
            ends = f" [{number(verdict.low, places)}, {number(verdict.high, places)}]"
        told.append(("Effect", f"<b>{number(verdict.effect, places)}</b>{ends} {unit}"))
        how = escape(verdict.interval)
        told.append(("Interval", f"95 %, {how}" if ends else how))
    margin = f"{number(verdict.margin, places)} {unit}"
    told.append(
        ("Rule", f"supported if the interval lies above {margin}, refuted if below")
    )
    if verdict.rule:
        told.append(("Its SHA-256", f"<code>{escape(verdict.rule[:16])}…</code>"))
    if verdict.p is not None:
        holm = (
            ""
            if verdict.adjusted is None
            else f"; {p_value(verdict.adjusted)} after Holm"
        )
        told.append(("p of no effect", f"{p_value(verdict.p)}{holm}"))
    lines = "".join(f"<div><dt>{term}</dt><dd>{text}</dd></div>" for term, text in told)
    return f'<dl class="numbers">{lines}</dl>'


def remarks(lines: Sequence[str]) -> str:
    """Returns what the reader must know, as a list."""
    items = "".join(f"<li>{with_code(line)}</li>" for line in lines)
    return f'<ul class="remarks">{items}</ul>' if items else ""


def with_code(text: str) -> str:
    """Returns text whose words in backticks are code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


def details(lines: Sequence[Any]) -> str:
    """Returns further numbers as a table that scrolls by itself."""
    if not lines:
        return ""
    head = "".join(f'<th scope="col">{escape(str(name))}</th>' for name in lines[0])
    body = "".join(
        f"<tr>{''.join(f'<td>{cell(value)}</td>' for value in line.values())}</tr>"
        for line in lines
    )
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Further numbers">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def command(line: str) -> str:
    """Returns what makes the runs, with a button that copies it."""
    if not line:
        return ""
    return (
        '<div class="command"><pre tabindex="0" role="region" '
        'aria-label="Command that makes the runs">'
        f"<code>{escape(line)}</code></pre>"
        '<button type="button" data-copy>Copy</button></div>'
    )


def ranges(verdict: Verdict) -> bool:
    """Whether there is an interval that is more than a point."""
    return None not in (verdict.low, verdict.high) and verdict.low != verdict.high


def picture(verdict: Verdict) -> str:
    """Draws effect and interval against nothing and the margin, the numbers below."""
    if verdict.effect is None or not math.isfinite(verdict.effect):
        return ""
    effect, margin = float(verdict.effect), float(verdict.margin)
    low, high = effect, effect
    if ranges(verdict):
        low, high = float(verdict.low), float(verdict.high)
    least, most = min(low, margin, 0.0), max(high, margin, 0.0)
    scale = (WIDTH - 2 * EDGE) / ((most - least) or 1)

    def x(value: float) -> str:
        return f"{EDGE + (value - least) * scale:.1f}"

    middle, places = HEIGHT / 2, decimals(verdict)
    told, beyond = number(effect, places), number(margin, places)
    if ranges(verdict):
        told += f" [{number(low, places)}, {number(high, places)}]"
    said = f"effect {told}, supported above {beyond} {verdict.unit}"
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(said)}">'
        f'<path class="margin" d="M{x(margin)} 3H{WIDTH}V{HEIGHT - 3}H{x(margin)}Z"/>'
        f'<path class="zero" d="M{x(0.0)} 1V{HEIGHT - 1}"/>'
        f'<path class="range" d="M{x(low)} {middle}H{x(high)}M{x(low)} {middle - 5}v10'
        f'M{x(high)} {middle - 5}v10"/>'
        f'<circle class="dot" cx="{x(effect)}" cy="{middle}" r="4.5"/></svg>'
        f"<small>{told} {escape(verdict.unit)}</small>"
    )


def number(value: float, decimals: int | None = None) -> str:
    """Returns a number with a true minus sign, to three digits unless told otherwise.

    Args:
      value: the number; of 100 or more no decimals are shown.
      decimals: how many to show.
    """
    if not math.isfinite(value):
        return "–"
    if abs(value) >= 100:
        decimals = 0
    elif decimals is None:
        decimals = 2 - math.floor(math.log10(abs(value))) if value else 0
    text = f"{value:,.{max(0, decimals)}f}"
    return text.replace("-", "−") if float(text.replace(",", "")) else text.lstrip("-")


def decimals(verdict: Verdict) -> int | None:
    """Returns how many decimals matter: two digits of what is of interest."""
    if not verdict.margin:
        return None
    return max(0, 1 - math.floor(math.log10(abs(verdict.margin))))


def p_value(value: float) -> str:
    """Returns a p value to two digits, or that it is below 0.001."""
    return "&lt; 0.001" if value < 0.001 else f"{value:.2g}"


def cell(value: Any) -> str:
    """Returns a value of a table as text."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace("-", "−")
    return number(value) if isinstance(value, float) else escape(str(value))
