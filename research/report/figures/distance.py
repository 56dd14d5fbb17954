"""Agreement against the distance of a shift: how far a network's invariance reaches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from research.ranges import Count
from research.report.estimates import describe_estimates, estimate_proportions
from research.report.figures.findings import compare_arms, keep_last, list_last
from research.report.figures.lines import draw_lines, label_values, number_ticks
from research.report.figures.style import (
    Width,
    style_arms,
    styled,
)
from research.report.figures.texts import Drawn, describe
from research.report.results import Results

TITLES = {
    "circular": "Circular shift",
    "zero": "Shift, filled with zeros",
    "consistency_circular": "Circular shift, map undone",
    "consistency_linear": "Shift, where both show the same",
    "window": "Two views of a larger image",
}


@styled
def draw(
    results: Results,
    *,
    protocols: Sequence[str] = ("circular", "zero"),
    split: str = "test",
    fewest_seeds: Count = 3,
    width: Width | None = None,
) -> Drawn:
    """Draws a line per arm and a panel per protocol that has rows.

    Args:
      results: with rows of `eval=shift`; of `eval=window` for protocol `window`, of
        `eval=consistency` for `consistency_circular` and `consistency_linear`.
      protocols: the panels.
      split: of the examples measured.
      fewest_seeds: with fewer, intervals are over examples.
      width: `one` or `two` columns; None for what the style in use has.

    Raises:
      UserError: there are no rows for any panel.
    """
    wanted = {protocol: (protocol, "agreement", "distance") for protocol in protocols}
    panels = {
        protocol: estimate_proportions(
            found, ["arm", "distance"], fewest_seeds=fewest_seeds
        )
        for protocol, found in results.select_available(wanted, split=split).items()
    }
    numbered, distances = number_ticks(panels, "distance")
    titled = {TITLES.get(one, one): found for one, found in numbered.items()}
    styles = style_arms(results.arms)
    figure = draw_lines(
        styles,
        titled,
        [str(distance) for distance in distances],
        label="Distance of the shift (px, larger of both axes)"
        if len(panels) < 3
        else "Distance (px)",
        width=width,
    )
    views = set(panels) == {"window"}
    still = "of two views" if views else "with the unshifted"
    label_values(figure, f"Agreement {still}", better=1)
    names = {arm: one.name for arm, one in styles.items()}
    first, found = next(iter(keep_last(titled).items()))
    same = " The panels agree in every value." if coincide(panels) else ""
    describe(
        figure,
        f"Agreement {distances[-1]} px away ({first[:1].lower()}{first[1:]}): "
        f"{compare_arms(found, names)}",
        shows="Share of images that have the same answer "
        f"{'in both views' if views else 'as the unshifted'}, against the distance.",
        numbers=list_last(titled, names, f"at {distances[-1]} px"),
        note=describe_estimates(pd.concat(panels.values())) + same,
    )
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
