"""A table as Markdown, LaTeX, CSV and for the terminal."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from research.files.atomic import write_text
from research.report.formats import MISSING
from research.report.latex import escape

WRAPPED = 24  # characters from which on a column is wrapped in LaTeX
NAME = 14  # characters in a line for the name of an arm: `space_to_depth`


def to_text(table: pd.DataFrame) -> pd.DataFrame:
    """Returns a table as text: `97.20 [95.1, 98.4]` per cent where it has intervals.

    `attrs["text"]`, where there is one, is what people are to read of it.
    """
    if "text" in table.attrs:
        return table.attrs["text"]
    text = {}
    for name in table.columns.drop("n", errors="ignore"):  # the caption says it
        stem, _, end = name.rpartition(" ")
        if stem in table and end in {"low", "high", "interval"}:
            continue
        if f"{name} low" in table:
            triples = table[[name, f"{name} low", f"{name} high"]].to_numpy(float)
            text[f"{name} (%)"] = [_format_proportion(*triple) for triple in triples]
        else:
            text[name] = [_format_number(value) for value in table[name]]
    return pd.DataFrame(text)


def to_markdown(table: pd.DataFrame) -> str:
    """Returns a table in Markdown, numbers to the right, its caption below."""
    text = to_text(table)
    rule = ["---", *["--:"] * (text.shape[1] - 1)]
    head, *lines = (map(escape_markdown, line) for line in [text, *text.to_numpy()])
    body = "\n".join(f"| {' | '.join(line)} |" for line in [head, rule, *lines])
    return f"{body}\n\n{table.attrs.get('caption', '')}\n"


def escape_markdown(text: str) -> str:
    """Returns text that stays within one cell of a table in Markdown."""
    return " ".join(text.replace("|", r"\|").splitlines())


def to_latex(table: pd.DataFrame) -> str:
    """Returns a table in LaTeX, for `booktabs` and `tabularx`, its caption below."""
    text = to_text(table)
    longest = {name: max(map(len, text[name])) for name in text}
    columns = "".join("X" if size > WRAPPED else "l" for size in longest.values())
    head, *body = (
        " & ".join(map(escape, line)) + r" \\"
        for line in [text.columns, *text.to_numpy()]
    )
    lines = [
        rf"\begin{{tabularx}}{{\linewidth}}{{{columns}}}",
        *(r"\toprule", head, r"\midrule", *body, r"\bottomrule"),
        r"\end{tabularx}",
        rf"\par\small {escape(table.attrs.get('caption', ''))}",
    ]
    return "\n".join(lines) + "\n"


def to_rich(table: pd.DataFrame) -> Table:
    """Returns a table for the terminal."""
    text = to_text(table)
    shown = Table(
        caption=table.attrs.get("caption"),
        caption_justify="left",
        box=SIMPLE_HEAD,
        show_edge=False,
        padding=0,  # so that the summary fits 80 columns
    )
    if "text" in table.attrs:
        for name in text:
            shown.add_column(name, overflow="fold")
        text = text.iloc[:0] if text.empty else text
    for position, name in enumerate(text if "text" not in table.attrs else []):
        text[name] = [cell.replace(" [", "\n[") for cell in text[name]]
        parts = [part for cell in text[name] for part in cell.split("\n")]
        longest = max(map(len, [*parts, *name.split()]))
        if position:  # numbers are never broken, long names of arms are
            shown.add_column(name, justify="right", width=longest)
        else:
            shown.add_column(name, width=min(longest, NAME), overflow="fold")
    for line in text.to_numpy():
        shown.add_row(*map(Text, line))  # a name may look like rich's markup
    return shown


def save(table: pd.DataFrame, path: str | Path) -> list[Path]:
    """Writes a table as Markdown and LaTeX, rounded, and CSV, as it is.

    Args:
      table: to write.
      path: without suffix.

    Returns:
      The three files.

    Raises:
      UserError: the disk is full or the folder cannot be written.
    """
    contents = {
        "md": to_markdown(table),
        "tex": to_latex(table),
        "csv": table.to_csv(index=False),
    }
    for kind, content in contents.items():
        write_text(f"{path}.{kind}", content)
    return [Path(f"{path}.{kind}") for kind in contents]


def _format_proportion(value: float, low: float, high: float) -> str:
    if math.isnan(value):
        return MISSING
    if math.isnan(low):
        return f"{100 * value:.2f}"
    ends = [f"{100 * end:.1f}".replace("100.0", "100") for end in (low, high)]
    return f"{100 * value:.2f} [{', '.join(ends)}]"


def _format_number(value: Any) -> str:
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return MISSING
    return f"{value:,.0f}" if value == int(value) or value >= 100 else f"{value:.1f}"
