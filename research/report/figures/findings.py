"""Findings and numbers as text, made from the estimates that a figure draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from research.report.formats import format_number

FEW = 3  # arms that a title lists

Show = Callable[[float], str]


def show_percent(value: float) -> str:
    """Returns `81.7 %` for 0.817."""
    return f"{100 * value:.1f} %"


def compare_arms(
    estimates: pd.DataFrame, names: Mapping[str, str], show: Show = show_percent
) -> str:
    """Returns what arms come to, the highest first: `90.4 % (max pooling), …`.

    Of more than `FEW` the highest and the lowest.

    Args:
      estimates: with `arm` and `value`, a line for each arm.
      names: of arms, in words.
      show: a value as text.
    """
    ordered = sort_arms(estimates)
    said = [
        f"{show(value)} ({names[arm]})"
        for arm, value in zip(ordered["arm"], ordered["value"], strict=True)
    ]
    if len(said) <= FEW:
        return ", ".join(said)
    return f"from {said[0]} down to {said[-1]} in {len(said)} arms"


def list_numbers(
    estimates: pd.DataFrame, names: Mapping[str, str], *, percent: bool = True
) -> str:
    """Returns each arm with its value and interval: `max pooling 90.4 [87.0, 93.1]`.

    Args:
      estimates: with `arm`, `value`, `low` and `high`, a line for each arm.
      names: of arms, in words.
      percent: whether values are proportions, to be given in per cent.
    """
    lines = sort_arms(estimates)[["arm", "value", "low", "high"]]
    scale = 100 if percent else 1
    text = [
        f"{names[arm]} {format_ends(scale * value, scale * low, scale * high)}"
        for arm, value, low, high in lines.itertuples(index=False)
    ]
    return "; ".join(text) + (" (%)." if percent else ".")


def format_ends(value: float, low: float, high: float) -> str:
    """Returns `90.4 [87.0, 93.1]`, without brackets where there is no interval."""
    value, low, high = float(value), float(low), float(high)
    if np.isnan(low) or np.isnan(high):
        return format_number(value)
    return f"{format_number(value)} [{format_number(low)}, {format_number(high)}]"


def sort_arms(estimates: pd.DataFrame) -> pd.DataFrame:
    """Returns estimates from the highest to the lowest."""
    return estimates.sort_values("value", ascending=False, kind="stable")


def keep_last(panels: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Returns of each panel the estimates at its last tick, one for each arm.

    Networks may differ in how many ticks they have: of each arm it is its own last.

    Args:
      panels: title → estimates with `arm` and `tick`.
    """
    return {
        title: found.sort_values("tick").groupby("arm", sort=False).tail(1)
        for title, found in panels.items()
    }


def list_last(
    panels: Mapping[str, pd.DataFrame],
    names: Mapping[str, str],
    where: str,
    *,
    percent: bool = True,
) -> str:
    """Returns the numbers of all panels at their last tick.

    Args:
      panels: title → estimates with `arm` and `tick`.
      names: of arms, in words.
      where: the last tick, in words: `at 3 px`.
      percent: as of `list_numbers`.
    """
    said = [
        f"{title.replace(chr(10), ' ')}, {where}: "
        f"{list_numbers(found, names, percent=percent)}"
        for title, found in keep_last(panels).items()
    ]
    return " ".join(said)
