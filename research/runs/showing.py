"""The values that an evaluation has measured, as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from research.evals.measurement import format_key
from research.runs.rows import Row

MOST = 20  # rows of a protocol that are shown


def show_rows(rows: Sequence[Row]) -> Iterator[str]:
    """Yields a line for each row: what was measured, its value, interval and n.

    Of a protocol with more rows than a screen takes the first are shown, and how many
    more there are.

    Args:
      rows: of a run, in the order of the evaluators.
    """
    for protocol, group in groupby(rows, lambda row: row.protocol):
        found = list(group)
        shown = found[:MOST]
        names = [format_key(row.protocol, row.params, row.measure) for row in shown]
        width = max(map(len, names))
        for name, row in zip(names, shown, strict=True):
            method = f"  {row.method}" if row.method else ""
            yield f"  {name:<{width}}  {format_value(row)}  n={row.n:,}{method}"
        if len(found) > MOST:
            yield f"  … and {len(found) - MOST} more of {protocol}"


def format_value(row: Row) -> str:
    """Returns `0.9806 [0.964, 0.994]`, as it stands in the row: never in per cent."""
    if row.value is None:  # it is not a number
        return "none"
    value = f"{row.value:,}" if isinstance(row.value, int) else f"{row.value:.4g}"
    if row.low is None or row.high is None:
        return value
    return f"{value} [{row.low:.4g}, {row.high:.4g}]"
