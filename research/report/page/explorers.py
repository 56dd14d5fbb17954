"""What the shift and the receptive-field explorer show, from `eval=explorer`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from research.report.figures.arms import arms
from research.report.figures.style import PRESETS
from research.report.page.pack import cropped, packed
from research.runs.rows import read_arrays

FIRST = ("max", "none")
WHOLE = "whole map"  # the method of a receptive field that has no size of its own


def explorers(
    runs: pd.DataFrame,
    rows: pd.DataFrame,
    *,
    networks: int = 16,
    names: Mapping[str, Sequence[str]] | None = None,
    split: str = "test",
) -> list[dict[str, Any]]:
    """Returns what there is to explore for each set of images, in JSON's types.

    Args:
      runs: as `read_runs` returns them; of each arm the least seed is shown.
      rows: as `read_rows` returns them.
      networks: how many of each data set, at most.
      names: of the classes, by data set.
      split: of the images.

    Returns:
      For each set of images: `data`, its name; `images`, packed; `labels`; `names` of
      the classes; `networks`, of each its `arm`, its `orbit` and its `stages` (none of
      a foreign classifier); and how many networks there are, `all`. Nothing where there
      are no rows of `explorer`.

    Raises:
      UserError: two runs have one config and one seed.
    """
    stages = rows[(rows["protocol"] == "explorer") & (rows["split"] == split)]
    found = stages[stages["measure"] == "agreement"].set_index("path")
    measured = runs[runs["path"].isin(found.index)]
    kept = {path: orbit_arrays(path, split) for path in measured["path"]}
    keys = [hashlib.sha256(kept[path]["images"]).hexdigest() for path in kept]
    sets = []
    for _, group in measured.groupby(keys, sort=False):
        shown = arms(group).sort_values("seed", kind="stable").drop_duplicates("arm")
        shown = shown.iloc[np.argsort(order(shown), kind="stable")]
        first, data = kept[shown["path"].iloc[0]], group.get("data", pd.Series([""]))
        told = [
            network(run, found.loc[run.path], stages[stages["path"] == run.path], kept)
            for run in shown.head(networks).itertuples()
        ]
        sets.append(
            {
                "data": data.iloc[0],
                "images": packed(first["images"]),
                "labels": first["labels"].tolist(),
                "names": list((names or {}).get(data.iloc[0], [])),
                "networks": told,
                "all": len(shown),
            }
        )
    return sets


def order(shown: pd.DataFrame) -> list[int]:
    """Returns the place of each run: with pooling, without, then as in the figures.

    The setting with the most runs comes first.
    """
    named = shown.reindex(columns=["setting", "downsample"]).fillna("")
    sizes = named["setting"].map(named["setting"].value_counts())
    presets = dict.fromkeys([*FIRST, *PRESETS])
    places = {preset: place for place, preset in enumerate(presets)}
    own = named["downsample"].map(places).fillna(len(places))
    return [int(place) for place in own - sizes * (len(places) + 1)]


def orbit_arrays(path: str, split: str) -> dict[str, np.ndarray]:
    """Returns the arrays of a run's orbits by their names."""
    prefix = "explorer/agreement/"
    return {
        key.removeprefix(prefix): array
        for key, array in read_arrays(path, "explorer", split).items()
        if key.startswith(prefix)
    }


def network(
    run: Any,
    row: pd.Series,
    stages: pd.DataFrame,
    kept: Mapping[str, Mapping[str, np.ndarray]],
) -> dict[str, Any]:
    """Returns one network: its orbit and its stages."""
    orbit = {
        name: packed(kept[run.path][name])
        for name in ("predictions", "classes", "probabilities")
    }
    return {
        "arm": run.arm,
        "seed": int(run.seed),
        "parameters": None if pd.isna(run.parameters) else int(run.parameters),
        "orbit": {"method": row["method"]} | orbit,
        "stages": fields(run.path, stages, row["split"]),
    }


def fields(path: str, stages: pd.DataFrame, split: str) -> list[dict[str, Any]]:
    """Returns the receptive fields after each stage of one run.

    Of each stage: `part`, its class; `receptive`, [rows, columns] of the theoretical
    field borders aside, null for the whole map; `stride`, [height, width], cumulative;
    `rows` (h, H) and `columns` (w, W), the pixels that each position can see; `ys` and
    `xs`, the positions whose effective field is known, their `sizes` in pixels and
    their `fields`, cropped.
    """
    arrays = read_arrays(path, "explorer", split)
    places = pd.DataFrame(list(stages["params"]), index=stages.index)
    found = []
    for index in sorted(places.get("index", pd.Series(dtype=float)).dropna().unique()):
        own = stages[places["index"] == index].set_index("measure")
        part = own["params"].iloc[0]["part"]
        prefix = f"explorer,index={index:.0f},part={part}/size/"
        kept = {
            key.removeprefix(prefix): array
            for key, array in arrays.items()
            if key.startswith(prefix)
        }
        theory = own.loc[["receptive_height", "receptive_width"]]
        found.append(
            {
                "part": part,
                "receptive": [
                    None if row["method"] == WHOLE else int(row["value"])
                    for _, row in theory.iterrows()
                ],
                "stride": kept["stride"].tolist(),
                "examples": int(own.loc["size", "n"]),
                "rows": packed(kept["rows"]),
                "columns": packed(kept["columns"]),
                "ys": kept["ys"].tolist(),
                "xs": kept["xs"].tolist(),
                "sizes": np.round(kept["sizes"].astype(float), 2).tolist(),
                "fields": cropped(
                    kept["fields"].reshape(-1, *kept["fields"].shape[2:])
                ),
            }
        )
    return found
