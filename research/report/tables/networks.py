"""The table of networks: what each stage holds, computes and sees."""

from __future__ import annotations

import pandas as pd

from research.errors import UserError
from research.report.arms import label_arms
from research.report.results import Results

COUNTS = {
    "parameters": "parameters",
    "multiply_adds": "multiply-adds",
    "activation_bytes": "activation bytes",
}
WHOLE = "whole map"  # the method of a receptive field that has no size of its own


def tabulate(results: Results, *, parts: bool = True) -> pd.DataFrame:
    """Returns a line per stage, readout and network of each arm, from `eval=cost`.

    Args:
      results: with rows of `eval=cost`; of each arm the first run is taken.
      parts: whether stages and readouts have lines of their own; else only networks.

    Returns:
      `arm`, `part` (`0 ConvNormAct`), `map` (height×width×channels after it),
      `receptive field` (rows×columns in pixels, or `whole`), `parameters`,
      `multiply-adds`, `activation bytes`; `attrs["caption"]` says what is counted.

    Raises:
      UserError: there are no rows of costs.
    """
    rows, runs = results.rows, results.runs
    cost = rows[rows["protocol"] == "cost"]
    if cost.empty:
        raise UserError(
            "no rows of cost; measure them with scripts/evaluate.py eval=cost model=…"
        )
    measured = label_arms(runs[runs["path"].isin(cost["path"])])
    lines = [
        {"arm": run.arm} | line
        for run in measured.drop_duplicates("arm").itertuples()
        for line in describe_parts(cost[cost["path"] == run.path])
    ]
    table = pd.DataFrame(lines)
    if not parts:
        table = table.drop_duplicates("arm", keep="last")
        table = table.drop(columns=["part", "map", "receptive field"])
    table.attrs["caption"] = (
        "For one image. Multiply-adds of convolutions and matrix products; activations "
        "are what these return."
    )
    if parts:
        table.attrs["caption"] += (
            " Receptive field: theoretical, borders aside, in pixels."
        )
    return table


def describe_parts(cost: pd.DataFrame) -> list[dict[str, object]]:
    """Returns a line for each part of one run, in order, the network last."""
    places = pd.DataFrame(list(cost["params"]), index=cost.index)
    lines = []
    for index, group in cost.groupby(places["index"], dropna=False, sort=True):
        name = places.loc[group.index[0], "part"]
        found = group.drop_duplicates("measure").set_index("measure")
        value = found["value"]
        lines.append(
            {"part": name if pd.isna(index) else f"{index:.0f} {name}"}
            | {"map": "", "receptive field": ""}
            | {label: value[measure] for measure, label in COUNTS.items()}
        )
        if "height" in value:
            size = (value["height"], value["width"], value["channels"])
            lines[-1]["map"] = "×".join(f"{count:.0f}" for count in size)
            lines[-1]["receptive field"] = "×".join(
                "whole" if row["method"] == WHOLE else f"{row['value']:.0f}"
                for _, row in found.loc[
                    ["receptive_height", "receptive_width"]
                ].iterrows()
            )
    return lines
