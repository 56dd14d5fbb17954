"""Accuracy against agreement under shifts: what each downsampler gives and takes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from research.report.figures.arms import arms, caption, proportions, select
from research.report.figures.labels import label_points
from research.report.figures.style import canvas, looks, note, percent, styled


@styled
def draw(
    runs: pd.DataFrame,
    rows: pd.DataFrame,
    metrics: pd.DataFrame,
    *,
    protocol: str = "circular",
    max_shift: int | None = None,
    split: str = "test",
    fewest_seeds: int = 3,
    width: str | None = None,
) -> Figure:
    """Draws one point per arm, with intervals in both directions.

    Args:
      runs: as `read_runs` returns them.
      rows: as `read_rows` returns them.
      metrics: not used.
      protocol: of the shifts: `circular`, `zero`, `crop`.
      max_shift: in pixels; None for the largest measured.
      split: of the examples measured.
      fewest_seeds: see `proportions`.
      width: `one` or `two` columns; None for what the number of arms needs.

    Raises:
      UserError: the rows for it are missing.
    """
    runs = arms(runs)
    rows = rows.merge(runs[["path", "arm"]], on="path")
    shifted = select(rows, protocol, "agreement", "max_shift", split=split)
    max_shift = shifted["max_shift"].max() if max_shift is None else max_shift
    shifted = shifted[shifted["max_shift"] == max_shift]
    accuracy = select(rows, "accuracy", "accuracy", split=split)
    x = proportions(shifted, ["arm"], fewest_seeds=fewest_seeds).set_index("arm")
    y = proportions(accuracy, ["arm"], fewest_seeds=fewest_seeds).set_index("arm")

    styles = {arm: look for arm, look in looks(runs).items() if arm in x.index}
    styles = {arm: look for arm, look in styles.items() if arm in y.index}
    crowded = len(styles) > 8
    width = width or ("two" if crowded else "one")
    figure, axes = canvas(width, 4.2 if crowded else 2.9)
    bars = []
    for arm, look in styles.items():
        at, up = x.loc[arm], y.loc[arm]
        axes.errorbar(at.value, up.value, reach(up), reach(at), **look.errorbar())
        bars += [
            (*_within(at), up.value, up.value),
            (at.value, at.value, *_within(up)),
        ]
    percent(axes.xaxis, f"Agreement under {protocol} shifts up to {max_shift} px")
    percent(axes.yaxis, "Accuracy")
    axes.margins(0.12)
    note(figure, caption(pd.concat([x, y])))
    label_points(
        axes,
        {arm: (x.loc[arm].value, y.loc[arm].value) for arm in styles},
        [(left, bottom, right, top) for left, right, bottom, top in bars],
    )
    return figure


def reach(estimate: pd.Series) -> np.ndarray | None:
    """Returns how far an error bar goes down and up, (2, 1), if there is one."""
    if np.isnan(estimate.low):
        return None
    ends = [[estimate.value - estimate.low], [estimate.high - estimate.value]]
    return np.clip(ends, 0, None)


def _within(estimate: pd.Series) -> tuple[float, float]:
    if np.isnan(estimate.low):
        return estimate.value, estimate.value
    return estimate.low, estimate.high
