"""The table of moves: how often an answer stays when an image moves a little."""

from __future__ import annotations

import pandas as pd

from research.errors import UserError
from research.ranges import Count
from research.report.estimates import describe_estimates, estimate_proportions
from research.report.results import Results

WINDOW = ("window", "agreement", "distance")
# What moves the image, what comes in at the border → the measurement of each.
MOVES = {
    "window": WINDOW,
    "zero": ("zero", "agreement", "distance"),
    "circular": ("circular", "agreement", "distance"),
}
CONTENT = {
    "window": "real content",
    "zero": "zeros",
    "circular": "the other side",
}
NEIGHBOURS = {
    "window": ("fragile", "worst_agreement", "border"),
    "circular": ("fragile", "worst_agreement"),
}
CAPTION = (
    "Kept: the share of images whose top-1 class a move by so many pixels leaves as it "
    "is; what comes in at the border is real content, zeros, or the other side."
)


def tabulate(
    results: Results, *, split: str = "test", fewest_seeds: Count = 3
) -> pd.DataFrame:
    """Returns a line for each arm and move.

    Args:
      results: with rows of `eval=window`, `shift` or `fragile`.
      split: of the examples measured.
      fewest_seeds: with fewer, intervals are over examples.

    Returns:
      `arm`; `move`, in words; `comes in`, at the border; `kept`, the agreement with the
      unmoved image, with ` low`, ` high` and ` interval`; `n` examples.
      `attrs["caption"]` says what the intervals are.

    Raises:
      UserError: there are no rows of any of these measurements.
    """
    found = [
        *estimate_moves(results, MOVES, split, fewest_seeds),
        *estimate_moves(results, NEIGHBOURS, split, fewest_seeds),
    ]
    if not found:
        raise UserError(
            f"no rows of moves on split={split}; measure them with scripts/photos.py, "
            "or scripts/evaluate.py eval=[shift,window,fragile]"
        )
    every = pd.concat(found)
    order = {arm: number for number, arm in enumerate(dict.fromkeys(every["arm"]))}
    every = every.sort_values("arm", key=lambda arms: arms.map(order), kind="stable")
    table = pd.DataFrame(
        {
            "arm": every["arm"],
            "move": every["move"],
            "comes in": every["border"].map(CONTENT),
            "kept": every["value"],
            "kept low": every["low"],
            "kept high": every["high"],
            "kept interval": every["how"],
            "n": every["n"],
        }
    ).reset_index(drop=True)
    table.attrs["caption"] = f"{CAPTION} {describe_estimates(every, 'Brackets')}"
    return table


def estimate_moves(
    results: Results,
    wanted: dict[str, tuple[str, ...]],
    split: str,
    fewest_seeds: int,
) -> list[pd.DataFrame]:
    """Returns the estimates of those measurements that have rows.

    Args:
      results: of the runs.
      wanted: by border, protocol, measure and parameters.
      split: of the examples measured.
      fewest_seeds: see `tabulate`.
    """
    try:
        available = results.select_available(wanted, split=split)
    except UserError:
        return []
    found = []
    for border, rows in available.items():
        near = "distance" not in rows
        rows = rows.assign(distance=0) if near else rows
        means = estimate_proportions(
            rows, ["arm", "distance"], fewest_seeds=fewest_seeds
        )
        moves = [
            "1 px, worst of 8 directions" if near else f"{distance} px, one direction"
            for distance in means["distance"]
        ]
        found.append(means.assign(border=border, move=moves))
    return found
