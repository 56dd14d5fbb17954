"""The page of photographs: how often a small move changes the answer, and the worst."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from research.files.atomic import write_text
from research.ranges import Count
from research.report.fragile import ARROWS, read_pairs, select_fragile
from research.report.page.embed import encode_image, find_figure
from research.report.page.render import ENVIRONMENT, read_asset
from research.report.results import Results
from research.report.tables import forms, moves

STYLES = ["base.css", "flips.css"]


def write(
    results: Results,
    *,
    out: str | Path,
    pairs: Count = 24,
    figure: str = "moves",
    split: str = "test",
    fewest_seeds: Count = 3,
) -> Path:
    """Writes the page; it is one file that asks the network for nothing.

    Args:
      results: with rows of `eval=fragile`; those of `window` and `shift` are in its
        table.
      out: the file, `….html`.
      pairs: images of each arm at most, those first that lose most probability.
      figure: name of a figure beside the page, which is shown if it is there.
      split: of the examples measured.
      fewest_seeds: with fewer, intervals are over examples.

    Returns:
      The file.

    Raises:
      UserError: there are no rows of `fragile`, or the folder cannot be written.
    """
    rows = select_fragile(results, split).sort_values("seed", kind="stable")
    rows = rows.drop_duplicates("arm")
    table = moves.tabulate(results, split=split, fewest_seeds=fewest_seeds)
    text = forms.to_text(table)
    names = results.runs.set_index("path")["photographs"].to_dict()
    arms = [
        describe_arm(results, row, names.get(row["path"]), pairs)
        for _, row in rows.iterrows()
    ]
    page = ENVIRONMENT.get_template("flips.html").render(
        style=Markup("".join(map(read_asset, STYLES))),
        columns=list(text),
        lines=text.to_numpy().tolist(),
        caption=table.attrs["caption"],
        figure=find_figure(figure, Path(out).parent),
        arms=arms,
    )
    write_text(out, page)
    return Path(out)


def describe_arm(
    results: Results, row: pd.Series, names: Any, most: int
) -> dict[str, Any]:
    """Returns what the page shows of a model.

    Args:
      results: with its arrays.
      row: of agreement, of `eval=fragile`.
      names: of the images, in order; none where the data have no names.
      most: pairs.
    """
    arrays = read_pairs(results, row)
    known = names if isinstance(names, Sequence) else None
    kept = arrays["examples"] if "examples" in arrays else np.empty(0)
    return {
        "name": row["arm"] or "model",
        "agreement": f"{100 * row['value']:.1f} %",
        "count": len(kept),
        "pairs": [
            describe_pair(arrays, index, known)
            for index in range(min(most, len(arrays["images"])))
        ],
    }


def describe_pair(
    arrays: dict[str, np.ndarray], index: int, names: Sequence[str] | None
) -> dict[str, Any]:
    """Returns an image and its moved self, with what the model says of each."""
    offset = arrays["offsets"][index].tolist()
    number = int(arrays["index"][index])
    views = [
        {
            "source": encode_image(arrays[images][index]),
            "answer": str(arrays[f"{which}_name"][index]),
            "probability": f"{100 * arrays[f'p_{which}'][index]:.0f} %",
            "width": f"{100 * arrays[f'p_{which}'][index]:.1f}",
        }
        for images, which in (("images", "unshifted"), ("moved", "shifted"))
    ]
    return {
        "title": f"image {number}" if names is None else names[number],
        "arrow": ARROWS[offset[0], offset[1]],
        "views": views,
    }
