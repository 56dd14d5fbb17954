"""The table of arms: what each scores, holds and costs."""

from __future__ import annotations

import pandas as pd

from research.ranges import Count
from research.report.estimates import (
    describe_estimates,
    estimate_proportions,
    keep_largest_shift,
)
from research.report.results import Results

MEASURES = {
    "accuracy": ("accuracy", "accuracy"),
    "mean IoU": ("segmentation", "mean_iou"),
    "boundary IoU": ("segmentation", "boundary_iou", "distance"),
    "pixel accuracy": ("segmentation", "pixel_accuracy"),
    **{
        f"agreement of maps, {kind}": (
            f"consistency_{kind}",
            "agreement",
            "max_shift",
            "draws",
        )
        for kind in ("circular", "linear")
    },
    "agreement, circular": ("circular", "agreement", "max_shift"),
    "agreement, fractional": ("fractional", "agreement", "max_shift", "upsampling"),
    "agreement, zero": ("zero", "agreement", "max_shift"),
}
VIEWS = (  # or else the difference of the two columns is taken for the fill's
    "Circular compares two shifted views of an image, up to twice as far apart; zero "
    "compares one with the image itself."
)


def tabulate(
    results: Results, *, split: str = "test", fewest_seeds: Count = 3
) -> pd.DataFrame:
    """Returns a line per arm: what it scores, holds and costs.

    Args:
      results: with rows of `eval=accuracy` or `eval=shift`, or of label maps, of
        `eval=segmentation` or `eval=consistency`.
      split: of the examples measured.
      fewest_seeds: with fewer, intervals are over examples, see `estimate_means`.

    Returns:
      `arm`; each measurement there are rows of as a proportion, its name, with ` low`,
      ` high` and ` interval` beside it, agreement at the largest shift measured; then
      `parameters`, `seconds` (mean of a run), `seeds`, `n` examples. `attrs["caption"]`
      says what the intervals are.

    Raises:
      UserError: there are no rows of any of these measurements.
    """
    costs = results.arms.groupby("arm", sort=False).agg(
        parameters=("parameters", "max"),
        seconds=("seconds", "mean"),
    )
    available = results.select_available(MEASURES, split=split)
    measured = {
        name: estimate_proportions(found, ["arm"], fewest_seeds=fewest_seeds)
        for name, found in (
            keep_largest_shift(found, name) for name, found in available.items()
        )
    }
    table = pd.DataFrame(index=costs.index)
    for name, found in measured.items():
        found = found.set_index("arm")
        table[name], table[f"{name} low"] = found["value"], found["low"]
        table[f"{name} high"], table[f"{name} interval"] = found["high"], found["how"]
    every = pd.concat(measured.values())
    table = table.join(costs)
    table["seeds"] = every.groupby("arm")["seeds"].max()
    table["n"] = every.groupby("arm")["n"].min()
    table = table.reset_index()
    table.attrs["caption"] = describe_estimates(every, "Brackets")
    kinds = ("agreement, circular", "agreement, zero")
    shifts = [name for name in measured if name.startswith(kinds)]
    if len(shifts) > 1:
        table.attrs["caption"] += f" {VIEWS}"
    return table
