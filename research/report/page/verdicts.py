"""Verdicts as HTML: at a glance, and each opening to its numbers and figures."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from html import escape
from typing import Any

from research.claims.verdict import INCONCLUSIVE, REFUTED, SUPPORTED, Case, Verdict
from research.report.figures.verdicts import interval

DEPENDS = "depends"
KINDS = {SUPPORTED: "✓", REFUTED: "✗", DEPENDS: "±", INCONCLUSIVE: "?"}
WIDTH, EDGE = 220, 10  # of the picture of intervals, in its own units
STEP, ROOM = 14, 20  # for each of them, and above and below


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
    unit = escape(verdict.unit)
    told = [("Contrast", escape(verdict.contrast))]
    told += [
        (f"Effect, {escape(case.name)}" if case.name else "Effect", effect(case, unit))
        for case in verdict.cases
    ]
    margin = f"{interval(verdict.margin, None, None)} {unit}"
    told.append(
        ("Rule", f"supported if the interval lies above {margin}, refuted if below")
    )
    if verdict.fingerprint:
        told.append(
            ("Fingerprint", f"<code>{escape(verdict.fingerprint[:16])}…</code>")
        )
    if verdict.p is not None:
        holm = (
            ""
            if verdict.adjusted is None
            else f"; {p_value(verdict.adjusted)} after Holm"
        )
        null = "an effect at the margin" if verdict.margin < 0 else "no effect"
        most = ", the largest over the cases" if len(verdict.cases) > 1 else ""
        told.append((f"p of {null}", f"{p_value(verdict.p)}{most}{holm}"))
    lines = "".join(f"<div><dt>{term}</dt><dd>{text}</dd></div>" for term, text in told)
    return f'<dl class="numbers">{lines}</dl>'


def effect(case: Case, unit: str) -> str:
    """Returns one effect with its interval and how that was made."""
    if case.effect is None:
        return "no rows yet"
    level = "95 %, " if ranges(case) else ""
    value, space, ends = interval(case.effect, case.low, case.high).partition(" ")
    return f"<b>{value}</b>{space}{ends} {unit}; {level}{escape(case.interval)}"


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


def ranges(case: Case) -> bool:
    """Whether there is an interval that is more than a point."""
    return None not in (case.low, case.high) and case.low != case.high


def picture(verdict: Verdict) -> str:
    """Draws effects and intervals against nothing and the margin, in words below."""
    cases = [case for case in verdict.cases if finite(case.effect)]
    if not cases:
        return ""
    bars = [
        (case.low, case.high) if ranges(case) else 2 * (case.effect,) for case in cases
    ]
    margin = float(verdict.margin)
    least, most = (pick([margin, 0.0, *map(pick, bars)]) for pick in (min, max))
    scale = (WIDTH - 2 * EDGE) / ((most - least) or 1)
    height = ROOM + STEP * len(cases)

    def x(value: float) -> str:
        return f"{EDGE + (value - least) * scale:.1f}"

    drawn = ""
    for place, (case, (low, high)) in enumerate(zip(cases, bars, strict=True)):
        y = ROOM / 2 + STEP * (place + 0.5)
        drawn += (
            f'<path class="range" d="M{x(low)} {y}H{x(high)}M{x(low)} {y - 5}v10'
            f'M{x(high)} {y - 5}v10"/>'
            f'<circle class="dot" cx="{x(case.effect)}" cy="{y}" r="4.5"/>'
        )
    told = [interval(case.effect, case.low, case.high) for case in cases]
    named = [
        f"{case.name} {one}".lstrip() for case, one in zip(cases, told, strict=True)
    ]
    beyond = f"supported above {interval(margin, None, None)} {verdict.unit}"
    said = f"effect {'; '.join(named)}, {beyond}"
    ends = [
        interval(pick(case.effect for case in cases), None, None) for pick in (min, max)
    ]
    below = told[0] if len(cases) == 1 else f"{' to '.join(ends)}, {len(cases)} cases,"
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(said)}">'
        f'<path class="margin" d="M{x(margin)} 3H{WIDTH}V{height - 3}H{x(margin)}Z"/>'
        f'<path class="zero" d="M{x(0.0)} 1V{height - 1}"/>{drawn}</svg>'
        f"<small>{below} {escape(verdict.unit)}</small>"
    )


def finite(value: float | None) -> bool:
    """Whether a value is known."""
    return value is not None and math.isfinite(value)


def number(value: float) -> str:
    """Returns a number to three digits, with a true minus sign; none of 100 or more."""
    if not math.isfinite(value):
        return "–"
    digits = 2 - math.floor(math.log10(abs(value))) if value else 0
    text = f"{value:,.{max(0, digits)}f}"
    return text.replace("-", "−") if float(text.replace(",", "")) else text.lstrip("-")


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
