"""What the shift and the receptive-field explorer show, from `eval=explorer`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from research.ranges import Count
from research.report.arms import label_arms
from research.report.figures.style import PRESETS
from research.report.page.pack import crop_fields, pack_array
from research.report.results import Arrays, Results
from research.report.words import name_arms

FIRST = ("max", "none")
WHOLE = "whole map"  # the method of a receptive field that has no size of its own


def collect_sets(
    results: Results,
    *,
    networks: Count = 16,
    names: Mapping[str, Sequence[str]] | None = None,
    split: str = "test",
) -> list[dict[str, Any]]:
    """Returns what there is to explore for each set of images, in JSON's types.

    Args:
      results: of each arm the least seed is shown.
      networks: how many of each data set, at most.
      names: of the classes, by data set.
      split: of the images.

    Returns:
      For each set of images: `data`, its name; `images`, packed; `labels`; `names` of
      the classes; `networks`, of each its `arm`, its `orbit` and its `stages` (none of
      a foreign classifier); and how many networks there are, `all`. Nothing where there
      are no rows of `explorer`.

    Raises:
      UserError: two runs are of one arm and one seed.
    """
    runs, rows = results.runs, results.rows
    rows = rows[(rows["protocol"] == "explorer") & (rows["split"] == split)]
    measured = runs[runs["path"].isin(rows.loc[rows["measure"] == "agreement", "path"])]
    arrays = {
        path: results.arrays(path, "explorer", split) for path in measured["path"]
    }
    orbits = {path: arrays[path].below("explorer/agreement/") for path in arrays}
    images = [orbit["images"].tobytes() for orbit in orbits.values()]
    digests = [hashlib.sha256(one).hexdigest() for one in images]
    sets = []
    for _, group in measured.groupby(digests, sort=False):
        shown = label_arms(group).sort_values("seed", kind="stable")
        shown = shown.drop_duplicates("arm")
        shown = shown.iloc[np.argsort(rank_runs(shown), kind="stable")]
        words = name_arms(shown)
        shown = shown.assign(arm=[words[arm] for arm in shown["arm"]])
        first, data = shown["path"].iloc[0], group.get("data", pd.Series([""])).iloc[0]
        sets.append(
            {
                "data": data,
                "images": pack_array(orbits[first]["images"]),
                "labels": orbits[first]["labels"].tolist(),
                "names": list((names or {}).get(data, [])),
                "networks": [
                    describe_network(run, rows[rows["path"] == run.path], arrays)
                    for run in shown.head(networks).itertuples()
                ],
                "all": len(shown),
            }
        )
    return sets


def rank_runs(shown: pd.DataFrame) -> list[int]:
    """Returns the place of each run: with pooling, without, then as in the figures.

    The setting with the most runs comes first.
    """
    chosen = shown.reindex(columns=["setting", "downsample"]).astype(object)
    chosen = chosen.where(chosen.notna(), "")
    sizes = chosen["setting"].map(chosen["setting"].value_counts())
    presets = dict.fromkeys([*FIRST, *PRESETS])
    places = {preset: place for place, preset in enumerate(presets)}
    own = chosen["downsample"].map(places).fillna(len(places))
    return [int(place) for place in own - sizes * (len(places) + 1)]


def describe_network(
    run: Any, rows: pd.DataFrame, arrays: Mapping[str, Arrays]
) -> dict[str, Any]:
    """Returns one network: its orbit and its stages.

    Args:
      run: a line of the runs, with its `arm` in words.
      rows: of `explorer`, of this run.
      arrays: behind them, by path and name.
    """
    own = arrays[run.path]
    orbit = own.below("explorer/agreement/")
    method = rows.loc[rows["measure"] == "agreement", "method"].iloc[0]
    return {
        "arm": run.arm,
        "seed": int(run.seed),
        "parameters": None if pd.isna(run.parameters) else int(run.parameters),
        "orbit": {"method": method}
        | {
            name: pack_array(orbit[name])
            for name in ("predictions", "classes", "probabilities")
        },
        "stages": describe_stages(rows, own),
    }


def describe_stages(rows: pd.DataFrame, arrays: Arrays) -> list[dict[str, Any]]:
    """Returns the receptive fields after each stage of one run.

    Args:
      rows: of `explorer`, of one run.
      arrays: behind them.

    Returns:
      Of each stage: `part`, its class; `receptive`, [rows, columns] of the theoretical
      field borders aside, null for the whole map; `stride`, [height, width],
      cumulative; `rows` (h, H) and `columns` (w, W), the pixels that each position can
      see; `ys` and `xs`, the positions whose effective field is known, their `sizes`
      in pixels and their `fields`, cropped.
    """
    places = pd.DataFrame(list(rows["params"]), index=rows.index)
    found = []
    for index in sorted(places.get("index", pd.Series(dtype=float)).dropna().unique()):
        own = rows[places["index"] == index].set_index("measure")
        part = own["params"].iloc[0]["part"]
        kept = arrays.below(f"explorer,index={index:.0f},part={part}/size/")
        theory = own.loc[["receptive_height", "receptive_width"]]
        fields = kept["fields"].reshape(-1, *kept["fields"].shape[2:])
        found.append(
            {
                "part": part,
                "receptive": [
                    None if row["method"] == WHOLE else int(row["value"])
                    for _, row in theory.iterrows()
                ],
                "stride": kept["stride"].tolist(),
                "examples": int(own.loc["size", "n"]),
                "rows": pack_array(kept["rows"]),
                "columns": pack_array(kept["columns"]),
                "ys": kept["ys"].tolist(),
                "xs": kept["xs"].tolist(),
                "sizes": np.round(kept["sizes"].astype(float), 2).tolist(),
                "fields": crop_fields(fields),
            }
        )
    return found
