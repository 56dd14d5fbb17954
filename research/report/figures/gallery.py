"""The gallery: every downsampler's output, and what a 1-pixel shift leaves of it."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from research.errors import UserError
from research.report.figures.style import WIDTHS, add_caption, styled
from research.report.results import Results

PANELS = ("output", "shifted", "difference")


@styled
def draw(results: Results, *, columns: int = 3) -> Figure:
    """Draws three maps for each preset: of the image, of its shift, their difference.

    Args:
      results: with rows of protocol `gallery`.
      columns: presets side by side.

    Raises:
      UserError: the rows for it are missing.
    """
    rows = results.rows
    rows = rows[rows["protocol"] == "gallery"]
    if rows.empty:
        raise UserError("no rows of protocol gallery; make them with eval=gallery")
    path, split = rows["path"].iloc[0], rows["split"].iloc[0]
    rows = rows[(rows["path"] == path) & (rows["split"] == split)]
    arrays = results.arrays(path, "gallery", split)
    lines = -(-len(rows) // columns)
    figure = Figure(figsize=(WIDTHS["two"], 0.3 + 0.82 * lines))
    groups = np.atleast_1d(figure.subfigures(lines, columns)).reshape(lines, columns)
    for (_, row), group in zip(rows.iterrows(), groups.flat, strict=False):
        preset = row["params"]["preset"]
        maps = {p: arrays[f"gallery,preset={preset}/change/{p}"] for p in PANELS}
        largest = max(float(np.abs(m).max()) for m in maps.values())
        group.suptitle(f"{preset}   {row['value']:.2f}", fontsize=7)
        for axes, (panel, values) in zip(
            group.subplots(1, len(PANELS)), maps.items(), strict=True
        ):
            show(axes, values, largest, signed=panel == "difference")
    add_caption(
        figure,
        "Each: output, output after a circular shift by one pixel to the right, and "
        "their difference after the best roll of the output, on one scale; red and "
        "blue are positive and negative. The number is the relative size of that "
        "difference (0: the output follows the shift). One image; learned parts as "
        "initialised.",
    )
    return figure


def show(axes: Axes, values: np.ndarray, largest: float, *, signed: bool) -> None:
    """Draws one map: grey, or red and blue where its sign matters."""
    shown = values.mean(-1)
    axes.imshow(
        shown,
        cmap=matplotlib.colormaps["RdBu_r" if signed else "gray"],
        vmin=-largest if signed else min(0.0, float(shown.min())),
        vmax=largest,
        interpolation="nearest",
    )
    axes.set_axis_off()
