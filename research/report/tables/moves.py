"""The table of moves: how often an answer stays when an image moves a little."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from research.errors import UserError
from research.ranges import Count
from research.report.estimates import describe_estimates, estimate_proportions
from research.report.results import Results

DISTANCES = {  # what comes in at the border → protocol, measure and parameters
    "real content": ("window", "agreement", "distance"),
    "zeros": ("zero", "agreement", "distance"),
    "the other side": ("circular", "agreement", "distance"),
}
NEIGHBOURS = {
    "real content": ("fragile", "worst_agreement", "border"),
    "the other side": ("fragile", "worst_agreement"),
}
CAPTION = (
    "The share of images whose top-1 class a move leaves as it is, by what comes in at "
    "the border."
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
      `arm`; `move`, in words; the agreement with the unmoved image for each kind of
      content that comes in, `real content`, `zeros` and `the other side`, as far as
      there are rows, each with ` low`, ` high` and ` interval`; `n` examples.
      `attrs["caption"]` says what the intervals are.

    Raises:
      UserError: there are no rows of any of these measurements.
    """
    found = [
        *estimate_moves(results, DISTANCES, split, fewest_seeds),
        *estimate_moves(results, NEIGHBOURS, split, fewest_seeds),
    ]
    if not found:
        raise UserError(
            f"no rows of moves on split={split}; measure them with scripts/photos.py, "
            "or scripts/evaluate.py eval=[shift,window,fragile]"
        )
    every = pd.concat(found)
    arms = dict.fromkeys(every["arm"])
    moves = every.drop_duplicates("move").sort_values("distance")["move"]
    lines = pd.MultiIndex.from_product([arms, moves], names=["arm", "move"])
    table = pd.DataFrame(index=lines)
    for content, means in every.groupby("content", sort=False):
        own = means.set_index(["arm", "move"])
        table[content], table[f"{content} low"] = own["value"], own["low"]
        table[f"{content} high"], table[f"{content} interval"] = own["high"], own["how"]
    table["n"] = every.groupby(["arm", "move"])["n"].min()
    table = table.dropna(subset="n").reset_index()
    table.attrs["caption"] = f"{CAPTION} {describe_estimates(every, 'Brackets')}"
    return table


def estimate_moves(
    results: Results,
    wanted: Mapping[str, tuple[str, ...]],
    split: str,
    fewest_seeds: int,
) -> list[pd.DataFrame]:
    """Returns the estimates of those measurements that have rows.

    Args:
      results: of the runs.
      wanted: by what comes in, protocol, measure and parameters.
      split: of the examples measured.
      fewest_seeds: see `tabulate`.

    Returns:
      For each `arm`, `distance`, `move`, `content`, and what `estimate_means` returns.
    """
    try:
        available = results.select_available(wanted, split=split)
    except UserError:
        return []
    found = []
    for content, rows in available.items():
        worst = "distance" not in rows
        means = estimate_proportions(
            rows.assign(distance=1.5) if worst else rows,
            ["arm", "distance"],
            fewest_seeds=fewest_seeds,
        )
        moves = [
            "1 px, worst of 8" if worst else f"{distance} px"
            for distance in means["distance"]
        ]
        found.append(means.assign(content=content, move=moves))
    return found
