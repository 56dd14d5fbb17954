"""The table of pairs: how stable two arms are on the images that both get right.

An arm that is right more often has more answers to lose, or fewer hard ones to change:
on the images that both classify correctly the two start alike.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    """Returns a line for each pair of arms that share seeds.

    Args:
      results: with rows of `eval=accuracy`, and of `eval=shift` or `eval=flip`.
      border: of the shifts.
      split: of the examples measured.

    Returns:
      `first`, `second`, `both right`; of `agreement` and `flips`, as far as there are
      rows, the value of each arm and the difference with ` low`, ` high`, ` interval`,
      and the `ratio` of disagreement (NaN where the second never disagrees);
      `seeds`, `n` images. `attrs["caption"]` says how to read it.

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
    lines = []
    for first, second in combinations(results.arms["arm"].unique(), 2):
        seeds = sorted(
            {seed for arm, seed in right if arm == first}
            & {seed for arm, seed in right if arm == second}
        )
        line = compare(first, second, seeds, right, measured) if seeds else {}
        if len(line) > FIXED:
            lines.append(line)
    if not lines:
        raise UserError(
            "no two arms with rows of accuracy, and of shift or flip, share a seed; "
            "measure them with scripts/evaluate.py run_dir=… eval=[accuracy,shift,flip]"
        )
    table = pd.DataFrame(lines)
    hows = {str(line[key]) for line in lines for key in line if "interval" in key}
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
    text = {"first": line["first"], "second": line["second"]}
    text["both right (%)"] = f"{100 * line['both right']:.1f}"
    for name in ("agreement", "flips"):
        if f"{name}, ratio" in line:
            for arm in ("first", "second"):
                text[f"{name}, {arm} (%)"] = f"{100 * line[f'{name}, {arm}']:.2f}"
            ends = (line[f"{name}, difference{end}"] for end in ("", " low", " high"))
            points = [100 * end for end in ends]
            shown = points if line[f"{name}, difference interval"] else points[:1]
            text[f"{name}, difference"] = format_interval(*shown)
            text[f"{name}, ratio"] = format_number(line[f"{name}, ratio"])
    return text


FIXED = 5  # columns that a pair has without any measure


def collect(results: Results, rows: pd.DataFrame) -> Runs:
    """Returns the values of the examples by run, the mean where it has several rows."""
    found: dict[tuple[str, int], list[np.ndarray]] = {}
    for _, row in rows.iterrows():
        each = results.array(row, "examples").astype(np.float64)
        found.setdefault((row["arm"], row["seed"]), []).append(each)
    return {run: np.mean(each, 0) for run, each in found.items()}


def compare(
    first: str, second: str, seeds: list[int], right: Runs, measured: Mapping[str, Runs]
) -> dict[str, object]:
    """Returns the line of one pair."""
    masks = {seed: both(right, first, second, seed) for seed in seeds}
    line: dict[str, object] = {
        "first": first,
        "second": second,
        "both right": float(np.mean([mask.mean() for mask in masks.values()])),
        "seeds": len(seeds),
        "n": min(int(mask.sum()) for mask in masks.values()),
    }
    for name, runs in measured.items():
        pairs = [
            [runs[arm, seed][masks[seed][: len(runs[arm, seed])]] for seed in seeds]
            for arm in (first, second)
            if all((arm, seed) in runs for seed in seeds)
        ]
        if len(pairs) < 2 or not all(len(each) for arm in pairs for each in arm):
            continue
        a, b = (float(np.mean([each.mean() for each in arm])) for arm in pairs)
        differences = [x - y for x, y in zip(*pairs, strict=True)]
        low, high, how = interval_of(differences)
        line |= {
            f"{name}, first": a,
            f"{name}, second": b,
            f"{name}, difference": a - b,
        }
        line |= {f"{name}, difference low": low, f"{name}, difference high": high}
        line[f"{name}, difference interval"] = how
        changed = (a, b) if name == "flips" else (1 - a, 1 - b)
        line[f"{name}, ratio"] = changed[0] / changed[1] if changed[1] > 0 else np.nan
    return line


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
