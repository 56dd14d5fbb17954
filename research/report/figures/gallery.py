"""The gallery: every downsampler's output, and what a 1-pixel shift leaves of it."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from research.report.figures.style import WIDTHS, add_caption, styled

PANELS = ("output", "shifted", "difference")

Plane = Float[np.ndarray, "rows columns channels"]


@styled
def draw(maps: Mapping[str, Mapping[str, Plane]], *, columns: int = 3) -> Figure:
    """Draws three maps for each preset: of the image, of its shift, their difference.

    Args:
      maps: by preset, `output`, `shifted` and `difference` of
        `research.downsample.response.Response`.
      columns: presets side by side.
    """
    lines = -(-len(maps) // columns)
    figure = Figure(figsize=(WIDTHS["two"], 0.3 + 0.82 * lines))
    groups = figure.subfigures(lines, columns, squeeze=False)
    for (preset, panels), group in zip(maps.items(), groups.flat, strict=False):
        largest = max(float(np.abs(panels[name]).max()) for name in PANELS)
        sizes = [np.linalg.norm(panels[name]) for name in ("difference", "output")]
        group.suptitle(f"{preset}   {sizes[0] / sizes[1]:.2f}", fontsize=7)
        for axes, name in zip(group.subplots(1, len(PANELS)), PANELS, strict=True):
            show(axes, panels[name], largest, signed=name == "difference")
    add_caption(
        figure,
        "Each: output, output after a circular shift by one pixel to the right, and "
        "their difference after the best roll of the output, on one scale; red and "
        "blue are positive and negative. The number is the relative size of that "
        "difference (0: the output follows the shift). One image; learned parts as "
        "initialised.",
    )
    return figure


def show(axes: Axes, values: Plane, largest: float, *, signed: bool) -> None:
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
