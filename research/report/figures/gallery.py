"""The gallery: every downsampler's output, and what a 1-pixel shift leaves of it."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from research.report.figures.style import WIDTHS, current, styled
from research.report.figures.texts import Drawn, describe

FOLLOWS = 0.005  # relative size of a difference that is printed as 0.00
PANELS = ("output", "shifted", "difference")

Plane = Float[np.ndarray, "rows columns channels"]


@styled
def draw(maps: Mapping[str, Mapping[str, Plane]], *, columns: int = 3) -> Drawn:
    """Draws three maps for each preset: of the image, of its shift, their difference.

    Args:
      maps: by preset, `output`, `shifted` and `difference` of
        `research.downsample.response.Response`.
      columns: presets side by side.
    """
    lines = -(-len(maps) // columns)
    figure = Drawn(figsize=(WIDTHS["two"], 0.3 + 0.82 * lines))
    groups = figure.subfigures(lines, columns, squeeze=False)
    for (preset, panels), group in zip(maps.items(), groups.flat, strict=False):
        largest = max(float(np.abs(panels[name]).max()) for name in PANELS)
        sizes = norms(panels)
        group.suptitle(
            f"{preset}   {sizes[0] / sizes[1]:.2f}", fontsize=current().ticks
        )
        for axes, name in zip(group.subplots(1, len(PANELS)), PANELS, strict=True):
            show(axes, panels[name], largest, signed=name == "difference")
    moved = [norms(panels)[0] / norms(panels)[1] for panels in maps.values()]
    still = sum(one < FOLLOWS for one in moved)
    describe(
        figure,
        f"{still} of {len(maps)} downsamplers follow a shift by one pixel",
        shows="Each: output, output after a circular shift by one pixel to the right, "
        "and their difference after the best roll of the output, on one scale; red and "
        "blue are positive and negative.",
        note="The number is the relative size of that "
        "difference (0: the output follows the shift). One image; learned parts as "
        "initialised.",
    )
    return figure


def norms(panels: Mapping[str, Plane]) -> tuple[float, float]:
    """Returns the norms of the difference and of the output."""
    return float(np.linalg.norm(panels["difference"])), float(
        np.linalg.norm(panels["output"])
    )


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
