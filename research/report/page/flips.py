"""The page of photographs: how often a small move changes the answer, and the worst."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from research.errors import UserError
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
    credits: str | Path | None = None,
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
      credits: a table of the photographs, tab-separated, with the columns `file`,
        `author` and `licence`, such as the `sources.tsv` that
        `scripts/collect_photographs.py` writes; what it says stands below each.
      split: of the examples measured.
      fewest_seeds: with fewer, intervals are over examples.

    Returns:
      The file.

    Raises:
      UserError: there are no rows of `fragile`, the credits cannot be read, or the
        folder cannot be written.
    """
    known = {} if credits is None else read_credits(Path(credits))
    rows = select_fragile(results, split).sort_values("seed", kind="stable")
    rows = rows.drop_duplicates("arm")
    table = moves.tabulate(results, split=split, fewest_seeds=fewest_seeds)
    text = forms.to_text(table)
    names = results.runs.set_index("path")["photographs"].to_dict()
    arms = [
        describe_arm(results, row, names.get(row["path"]), pairs, known)
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


def read_credits(path: Path) -> dict[str, str]:
    """Returns the author and licence of each photograph, by its name in their folder.

    Raises:
      UserError: the table cannot be read, or has not these columns.
    """
    try:
        table = pd.read_csv(path, sep="\t", dtype=str, quoting=csv.QUOTE_NONE)
        said = table["author"] + ", " + table["licence"]
        return dict(zip(table["file"], said, strict=True))
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"page.flips.credits={path}: takes a tab-separated table with columns "
            f"file, author and licence ({error})"
        ) from error


def describe_arm(
    results: Results,
    row: pd.Series,
    names: Any,
    most: int,
    credits: Mapping[str, str],
) -> dict[str, Any]:
    """Returns what the page shows of a model.

    Args:
      results: with its arrays.
      row: of agreement, of `eval=fragile`.
      names: of the images, in order; none where the data have no names.
      most: pairs.
      credits: what to say of each, by name.
    """
    arrays = read_pairs(results, row)
    known = names if isinstance(names, Sequence) else None
    kept = arrays["examples"] if "examples" in arrays else np.empty(0)
    return {
        "name": row["arm"] or "model",
        "agreement": f"{100 * row['value']:.1f} %",
        "count": len(kept),
        "pairs": [
            describe_pair(arrays, index, known, credits)
            for index in range(min(most, len(arrays["images"])))
        ],
    }


def describe_pair(
    arrays: dict[str, np.ndarray],
    index: int,
    names: Sequence[str] | None,
    credits: Mapping[str, str],
) -> dict[str, Any]:
    """Returns an image and its moved self, with what the model says of each."""
    offset = arrays["offsets"][index].tolist()
    number = int(arrays["index"][index])
    title = f"image {number}" if names is None else names[number]
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
        "title": title,
        "credit": credits.get(title, ""),
        "arrow": ARROWS[offset[0], offset[1]],
        "views": views,
    }
