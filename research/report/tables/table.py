"""Tables of the arms, and their Markdown, CSV and terminal forms."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.table import Table

from research.errors import UserError
from research.files.atomic import write_text
from research.report.figures.arms import arms, caption, proportions, select

WRAPPED = 24  # characters from which on a column is wrapped in LaTeX
ESCAPES = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "^": r"\^{}", "~": r"\~{}"}
)
NAME = 14  # characters in a line for the name of an arm: `space_to_depth`
VIEWS = (  # or else the difference of the two columns is taken for the fill's
    "Circular compares two shifted views of an image, up to twice as far apart; zero "
    "compares one with the image itself."
)
COLUMNS = {
    "accuracy": ("accuracy", "accuracy"),
    "agreement, circular": ("circular", "agreement", "max_shift"),
    "agreement, zero": ("zero", "agreement", "max_shift"),
}


def summary(
    runs: pd.DataFrame,
    rows: pd.DataFrame,
    metrics: pd.DataFrame | None = None,
    *,
    split: str = "test",
    fewest_seeds: int = 3,
) -> pd.DataFrame:
    """Returns a line per arm: what it scores, holds and costs.

    Args:
      runs: as `read_runs` returns them.
      rows: as `read_rows` returns them.
      metrics: not used.
      split: of the examples measured.
      fewest_seeds: see `proportions`.

    Returns:
      `arm`; each measurement there are rows of as a proportion, its name, with ` low`,
      ` high` and ` interval` beside it, agreement at the largest shift measured; then
      `parameters`, `seconds` (mean of a run), `seeds`, `n` examples. `attrs["caption"]`
      says what the intervals are.

    Raises:
      UserError: there are no rows of any of these measurements.
    """
    runs = arms(runs)
    rows = rows.merge(runs[["path", "arm"]], on="path")
    table = runs.groupby("arm", sort=False).agg(
        parameters=("parameters", "max"),
        seconds=("seconds", "mean"),
    )
    measured = {}
    for name, (protocol, measure, *params) in COLUMNS.items():
        try:
            found = select(rows, protocol, measure, *params, split=split)
        except UserError as missing:
            reason = missing
            continue
        for param in params:
            largest = found[param].max()
            found = found[found[param] == largest]
            name = f"{name} ≤ {largest} px"
        measured[name] = proportions(found, ["arm"], fewest_seeds=fewest_seeds)
    if not measured:
        raise reason
    wide = pd.DataFrame(index=table.index)
    for name, found in measured.items():
        found = found.set_index("arm")
        wide[name], wide[f"{name} low"] = found["value"], found["low"]
        wide[f"{name} high"], wide[f"{name} interval"] = found["high"], found["how"]
    every = pd.concat(measured.values())
    wide = wide.join(table)
    wide["seeds"] = every.groupby("arm")["seeds"].max()
    wide["n"] = every.groupby("arm")["n"].min()
    wide = wide.reset_index()
    wide.attrs["caption"] = caption(every, "Brackets")
    shifts = [name for name in measured if name.startswith("agreement")]
    if len(shifts) > 1:
        wide.attrs["caption"] += f" {VIEWS}"
    return wide


def cells(table: pd.DataFrame) -> pd.DataFrame:
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
            text[f"{name} (%)"] = [_proportion(*triple) for triple in triples]
        else:
            text[name] = [_number(value) for value in table[name]]
    return pd.DataFrame(text)


def markdown(table: pd.DataFrame) -> str:
    """Returns a table in Markdown, numbers to the right, its caption below."""
    text = cells(table)
    lines = [text.columns, ["---", *["--:"] * (text.shape[1] - 1)], *text.to_numpy()]
    body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{body}\n\n{table.attrs.get('caption', '')}\n"


def latex(table: pd.DataFrame) -> str:
    """Returns a table in LaTeX, for `booktabs` and `tabularx`, its caption below."""
    text = cells(table)
    longest = {name: max(map(len, text[name])) for name in text}
    columns = "".join("X" if size > WRAPPED else "l" for size in longest.values())
    head, *body = (
        " & ".join(map(escaped, line)) + r" \\"
        for line in [text.columns, *text.to_numpy()]
    )
    lines = [
        rf"\begin{{tabularx}}{{\linewidth}}{{{columns}}}",
        *(r"\toprule", head, r"\midrule", *body, r"\bottomrule"),
        r"\end{tabularx}",
        rf"\par\small {escaped(table.attrs.get('caption', ''))}",
    ]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Returns text in which LaTeX finds nothing to act on; Unicode stays (XeLaTeX)."""
    return text.translate(ESCAPES)


def rich(table: pd.DataFrame) -> Table:
    """Returns a table for the terminal."""
    text = cells(table)
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
        shown.add_row(*line)
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
        "md": markdown(table),
        "tex": latex(table),
        "csv": table.to_csv(index=False),
    }
    for kind, content in contents.items():
        write_text(f"{path}.{kind}", content)
    return [Path(f"{path}.{kind}") for kind in contents]


def _proportion(value: float, low: float, high: float) -> str:
    if math.isnan(value):
        return "–"
    if math.isnan(low):
        return f"{100 * value:.2f}"
    ends = [f"{100 * end:.1f}".replace("100.0", "100") for end in (low, high)]
    return f"{100 * value:.2f} [{', '.join(ends)}]"


def _number(value: object) -> str:
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return "–"
    return f"{value:,.0f}" if value == int(value) or value >= 100 else f"{value:.1f}"
