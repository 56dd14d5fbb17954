"""Agreement against the distance of a shift: how far a network's invariance reaches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.figure import Figure

from research.errors import UserError
from research.report.figures.arms import arms, caption, proportions, select
from research.report.figures.lines import lines, numbered
from research.report.figures.style import looks, note, percent, styled

TITLES = {"circular": "Circular shift", "zero": "Shift, filled with zeros"}


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
    ticked, distances = numbered(panels, "distance")
    figure = lines(
        looks(runs),
        {TITLES.get(protocol, protocol): found for protocol, found in ticked.items()},
        [str(distance) for distance in distances],
        label="Distance of the shift (px, larger of both axes)",
        width=width,
    )
    drawn = pd.concat(panels.values())
    percent(figure.axes[0].yaxis, "Agreement with the unshifted")
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
