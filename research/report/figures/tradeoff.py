"""How right against how stable under shifts: what each downsampler gives and takes."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from research.errors import NoRows, UserError
from research.ranges import Count, Natural
from research.report.estimates import describe_estimates, estimate_proportions
from research.report.figures.findings import compare_arms, list_numbers
from research.report.figures.labels import label_points
from research.report.figures.looks import current
from research.report.figures.style import (
    Width,
    create_axes,
    label_percent,
    style_arms,
    styled,
)
from research.report.figures.texts import Drawn, describe
from research.report.results import Results

Protocol = Literal[
    "circular", "zero", "crop", "consistency_circular", "consistency_linear"
]
SHIFTS: dict[str, str] = {  # protocol → its shifts, in words
    "consistency_circular": "circular",
    "consistency_linear": "linear",
}


class Score(NamedTuple):
    """What says how right an arm is: protocol, measure and parameters of its rows."""

    label: str
    protocol: str
    measure: str
    params: tuple[str, ...] = ()


SCORES = {
    "accuracy": Score("Accuracy", "accuracy", "accuracy"),
    "mean_iou": Score("Mean IoU", "segmentation", "mean_iou"),
    "boundary_iou": Score(
        "Boundary IoU", "segmentation", "boundary_iou", ("distance",)
    ),
}


@styled
def draw(
    results: Results,
    *,
    protocol: Protocol = "circular",
    score: Literal["accuracy", "mean_iou", "boundary_iou"] = "accuracy",
    max_shift: Natural | None = None,
    split: str = "test",
    fewest_seeds: Count = 3,
    width: Width | None = None,
) -> Drawn:
    """Draws one point per arm, with intervals in both directions.

    Args:
      results: with rows of `eval=accuracy` and `eval=shift`; of label maps, of
        `eval=segmentation` and `eval=consistency`.
      protocol: of the shifts: `circular`, `zero`, `crop`; of label maps
        `consistency_circular`, `consistency_linear`.
      score: upwards: `accuracy`; of label maps `mean_iou`, `boundary_iou`.
      max_shift: in pixels; None for the largest measured.
      split: of the examples measured.
      fewest_seeds: with fewer, intervals are over examples.
      width: `one` or `two` columns; None for what the number of arms needs.

    Raises:
      UserError: the rows for it are missing, or those of this shift.
    """
    of_maps = ["draws"] if protocol in SHIFTS else []
    shifted = results.select(protocol, "agreement", "max_shift", *of_maps, split=split)
    measured = sorted(set(shifted["max_shift"]))
    max_shift = measured[-1] if max_shift is None else max_shift
    if max_shift not in measured:
        raise UserError(
            f"max_shift={max_shift}: there are rows of {', '.join(map(str, measured))}"
        )
    shifted = shifted[shifted["max_shift"] == max_shift]
    up = SCORES[score]
    scored = results.select(up.protocol, up.measure, *up.params, split=split)
    x, y = (
        estimate_proportions(found, ["arm"], fewest_seeds=fewest_seeds).set_index("arm")
        for found in (shifted, scored)
    )
    styles = {
        arm: style
        for arm, style in style_arms(results.arms).items()
        if arm in x.index and arm in y.index
    }
    if not styles:
        raise NoRows(f"no rows of both {up.protocol} and {protocol} in any arm")
    crowded = len(styles) > 8
    needed: Width = "two" if crowded else "one"
    width = width or (needed if current().titled else current().width)
    figure, axes = create_axes(width, 4.2 if crowded else 2.9)
    bars = []
    for arm, style in styles.items():
        at, high = x.loc[arm], y.loc[arm]
        axes.errorbar(at.value, high.value, reach(high), reach(at), **style.errorbar())
        (left, right), (bottom, top) = _ends(at), _ends(high)
        bars += [
            (left, high.value, right, high.value),
            (at.value, bottom, at.value, top),
        ]
    kind = SHIFTS.get(protocol, protocol)
    what = "Agreement of maps" if protocol in SHIFTS else "Agreement"
    label_percent(axes.xaxis, f"{what}, {kind} shifts ≤ {max_shift} px", better=1)
    label_percent(axes.yaxis, up.label, better=1)
    axes.margins(0.12)
    names = {arm: style.name for arm, style in styles.items()}
    across, upwards = (one.loc[list(styles)].reset_index() for one in (x, y))
    describe(
        figure,
        f"{up.label}: {compare_arms(upwards, names)}. {what}: "
        f"{compare_arms(across, names)}",
        shows=f"{up.label} against {what[:1].lower()}{what[1:]} under {kind} shifts up "
        f"to {max_shift} px.",
        numbers=f"{up.label}: {list_numbers(upwards, names)} {what}: "
        f"{list_numbers(across, names)}",
        note=describe_estimates(pd.concat([x, y])),
    )
    label_points(
        axes,
        {names[arm]: (x.loc[arm].value, y.loc[arm].value) for arm in styles},
        bars,
        size=current().ticks,
    )
    return figure


def reach(estimate: pd.Series) -> np.ndarray | None:
    """Returns how far an error bar goes down and up, (2, 1), if there is one."""
    if np.isnan(estimate.low):
        return None
    ends = [[estimate.value - estimate.low], [estimate.high - estimate.value]]
    return np.clip(ends, 0, None)


def _ends(estimate: pd.Series) -> tuple[float, float]:
    if np.isnan(estimate.low):
        return estimate.value, estimate.value
    return estimate.low, estimate.high
