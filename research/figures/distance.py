"""Agreement against the distance of a shift: how far a network's invariance reaches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from research.errors import UserError
from research.figures.arms import arms, caption, proportions, select
from research.figures.style import canvas, legend, letter, looks, note, percent, styled

TITLES = {"circular": "Circular shift", "zero": "Shift, filled with zeros"}
DODGE = 0.06  # of a pixel between arms, so that bars do not cover each other
SPREAD = 0.3  # of a pixel, between the first and the last arm at most


@styled
def draw(
    runs: pd.DataFrame,
    rows: pd.DataFrame,
    metrics: pd.DataFrame,
    *,
    protocols: Sequence[str] = ("circular", "zero"),
    split: str = "test",
    fewest_seeds: int = 3,
    width: str = "two",
) -> Figure:
    """Draws a line per arm and a panel per protocol that has rows.

    Args:
      runs: as `read_runs` returns them.
      rows: as `read_rows` returns them.
      metrics: not used.
      protocols: the panels.
      split: of the examples measured.
      fewest_seeds: see `proportions`.
      width: `one` or `two` columns.

    Raises:
      UserError: there are no rows for any panel.
    """
    runs = arms(runs)
    rows = rows.merge(runs[["path", "arm"]], on="path")
    panels = {}
    for protocol in protocols:
        try:
            found = select(rows, protocol, "agreement", "distance", split=split)
        except UserError as missing:
            reason = missing
            continue
        panels[protocol] = proportions(
            found, ["arm", "distance"], fewest_seeds=fewest_seeds
        )
    if not panels:
        raise reason
    shape = {"ncols": len(panels), "squeeze": False}
    figure, grid = canvas(width, 2.6, sharex=True, sharey=True, **shape)
    drawn = pd.concat(panels.values())
    order = drawn.groupby("arm")["value"].mean().sort_values(ascending=False).index
    styles = looks(runs)
    spread = min(SPREAD, DODGE * (len(order) - 1))
    offsets = np.linspace(-spread / 2, spread / 2, len(order))
    for index, (axes, (protocol, found)) in enumerate(
        zip(grid[0], panels.items(), strict=True)
    ):
        for arm, offset in zip(order, offsets, strict=True):
            line = found[found["arm"] == arm].sort_values("distance")
            ends = [line["value"] - line["low"], line["high"] - line["value"]]
            axes.errorbar(
                line["distance"] + offset,
                line["value"],
                np.clip(ends, 0, None),
                linestyle=styles[arm].line,
                label=arm,
                **styles[arm].errorbar(),
            )
        letter(axes, index, TITLES.get(protocol, protocol))
        axes.set_xlabel("Distance of the shift (px, larger of both axes)")
        axes.set_xticks(sorted(drawn["distance"].unique()))
    percent(grid[0, 0].yaxis, "Agreement with the unshifted")
    legend(figure, grid[0, 0])
    same = " The panels agree in every value." if coincide(panels) else ""
    note(figure, caption(drawn) + same)
    return figure


def coincide(panels: Mapping[str, pd.DataFrame]) -> bool:
    """Whether several panels hold the same values.

    They do where images have a black margin as wide as the shifts: what comes in is
    zero either way. A reader should not have to wonder whether one was drawn twice.
    """
    first, *others = (
        panel.set_index(["arm", "distance"])["value"].sort_index()
        for panel in panels.values()
    )
    return bool(others) and all(first.equals(other) for other in others)
