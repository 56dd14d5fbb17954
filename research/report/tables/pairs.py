"""The table of pairs: how stable two arms are on the images that both get right.

An arm that is right more often has more answers to lose, or fewer hard ones to change:
on the images that both classify correctly the two start alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any, Literal

import numpy as np
import pandas as pd

from research.errors import UserError
from research.report.estimates import format_range, format_seeds, keep_largest_shift
from research.report.formats import format_interval, format_number
from research.report.results import Results
from research.stats import Interval, bootstrap_mean, t_interval

Runs = Mapping[tuple[str, int], np.ndarray]  # arm, seed → a value for each example
CAPTION = (
    "On the images that both arms of a pair classify correctly as they are, with the "
    "same seed: {n} images, {seeds}. {border} shifts: agreement under the largest "
    "measured, flips at a step of a path. Difference: first less second, in points. "
    "Ratio: of what changes, first to second.{brackets}"
)


def tabulate(
    results: Results,
    *,
    border: Literal["circular", "zero"] = "circular",
    split: str = "test",
) -> pd.DataFrame:
    """Returns a line for each measure of each pair of arms that share seeds.

    Args:
      results: with rows of `eval=accuracy`, and of `eval=shift` or `eval=flip`.
      border: of the shifts.
      split: of the examples measured.

    Returns:
      `first`, `second`, `measure` (`agreement` or `flips`, as far as there are rows),
      `both right`, `of first` and `of second`, `difference` with ` low`, ` high` and `
      interval`, `ratio` of what changes (NaN where the second never does), `seeds`, `n`
      images. `attrs["caption"]` says how to read it, `attrs["text"]` is what people
      read.

    Raises:
      UserError: there are no such rows, no two arms that share a seed, or arms were
        measured on different numbers of examples.
    """
    right = collect(results, results.select("accuracy", "accuracy", split=split))
    wanted = {
        "agreement": (border, "agreement", "max_shift"),
        "flips": ("flip", "flip_rate", "border", "direction", "reach"),
    }
    measured = {}
    for name, rows in results.select_available(wanted, split=split).items():
        _, rows = keep_largest_shift(rows, name)
        if "border" in rows:
            rows = rows[rows["border"] == border]
        if len(rows):
            measured[name] = collect(results, rows)
    lines = [
        line
        for first, second in combinations(results.arms["arm"].unique(), 2)
        for line in compare(first, second, right, measured)
    ]
    if not lines:
        raise UserError(
            "no two arms with rows of accuracy, and of shift or flip, share a seed; "
            "measure them with scripts/evaluate.py run_dir=… eval=[accuracy,shift,flip]"
        )
    table = pd.DataFrame(lines)
    hows = {str(line["difference interval"]) for line in lines}
    how = " or ".join(sorted(filter(None, hows)))
    table.attrs["text"] = pd.DataFrame([describe(line) for line in lines])
    table.attrs["caption"] = CAPTION.format(
        border=border.capitalize(),
        brackets=f" Brackets: 95 % {how}." if how else "",
        n=format_range(table["n"]),
        seeds=format_seeds(table["seeds"]),
    )
    return table


def describe(line: Mapping[str, Any]) -> dict[str, str]:
    """Returns a line as people read it, all of it text."""
    points = [100 * line[f"difference{end}"] for end in ("", " low", " high")]
    known = points if line["difference interval"] else points[:1]
    return {
        "first": line["first"],
        "second": line["second"],
        "measure": line["measure"],
        "both right": f"{100 * line['both right']:.1f} %",
        "of first": f"{100 * line['of first']:.2f} %",
        "of second": f"{100 * line['of second']:.2f} %",
        "difference": format_interval(*known),
        "ratio": format_number(line["ratio"]),
    }


def collect(results: Results, rows: pd.DataFrame) -> Runs:
    """Returns the values of the examples by run, the mean where it has several rows."""
    found: dict[tuple[str, int], list[np.ndarray]] = {}
    for _, row in rows.iterrows():
        each = results.array(row, "examples").astype(np.float64)
        found.setdefault((row["arm"], row["seed"]), []).append(each)
    return {run: np.mean(each, 0) for run, each in found.items()}


def compare(
    first: str, second: str, right: Runs, measured: Mapping[str, Runs]
) -> Iterator[dict[str, Any]]:
    """Yields the lines of one pair: one for each measure that both have."""
    for measure, runs in measured.items():
        pairs, shares = [], []
        for seed in sorted({seed for _, seed in runs}):
            if {(first, seed), (second, seed)} <= {*right} & {*runs}:
                mask = both(right, first, second, seed)
                shares.append(mask.mean())
                values = (runs[arm, seed] for arm in (first, second))
                pairs.append([each[mask[: len(each)]] for each in values])
        if not pairs or not all(len(each) for pair in pairs for each in pair):
            continue
        a, b = (float(np.mean([pair[arm].mean() for pair in pairs])) for arm in (0, 1))
        low, high, how = interval_of([x - y for x, y in pairs])
        changed = (1 - a, 1 - b) if measure == "agreement" else (a, b)
        yield {
            "first": first,
            "second": second,
            "measure": measure,
            "both right": float(np.mean(shares)),
            "of first": a,
            "of second": b,
            "difference": a - b,
            "difference low": low,
            "difference high": high,
            "difference interval": how,
            "ratio": changed[0] / changed[1] if changed[1] > 0 else np.nan,
            "seeds": len(pairs),
            "n": min(len(each) for each, _ in pairs),
        }


def both(right: Runs, first: str, second: str, seed: int) -> np.ndarray:
    """Returns on which examples two arms are right, (n,).

    Raises:
      UserError: they were measured on different numbers of examples.
    """
    a, b = right[first, seed], right[second, seed]
    if len(a) != len(b):
        raise UserError(
            f"{first} and {second} were measured on {len(a)} and {len(b)} examples: "
            "choose runs=… of one data set"
        )
    return (a == 1) & (b == 1)


def interval_of(differences: list[np.ndarray]) -> Interval:
    """Returns the interval of a mean difference, over seeds where these say something.

    Args:
      differences: of each seed, one for each example.
    """
    over_seeds = t_interval([float(each.mean()) for each in differences])
    if over_seeds.how:
        return over_seeds
    return bootstrap_mean(np.concatenate(differences), bounds=(-1.0, 1.0))
