"""The most fragile images, with the 1-pixel shift that flips each."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from research.ranges import Count, Seed
from research.report.figures.style import SMALL, Width, add_caption, create_axes, styled
from research.report.results import Results

ARROWS = {
    **{(-1, -1): "↖", (-1, 0): "↑", (-1, 1): "↗", (0, -1): "←"},
    **{(0, 1): "→", (1, -1): "↙", (1, 0): "↓", (1, 1): "↘"},
}
PREFIX = "fragile/agreement/"  # of the arrays


@styled
def draw(
    results: Results,
    *,
    images: Count = 4,
    seed: Seed | None = None,
    split: str = "test",
    width: Width = "two",
) -> Figure:
    """Draws a line of pairs, image and shifted image, for each arm.

    Args:
      results: with rows of `eval=fragile`.
      images: pairs of each arm.
      seed: of the runs shown; None for the least.
      split: of the examples measured.
      width: `one` or `two` columns.

    Raises:
      UserError: there are no rows of `fragile`.
    """
    found = results.select("fragile", "agreement", split=split)
    seed = found["seed"].min() if seed is None else seed
    found = found[found["seed"] == seed]
    shape = {"nrows": len(found), "ncols": 2 * images, "squeeze": False}
    figure, grid = create_axes(width, 0.4 + 1.05 * len(found), **shape)
    for axes in grid.flat:
        axes.set_axis_off()
    for line, (_, row) in zip(grid, found.iterrows(), strict=True):
        arrays = results.arrays(row["path"], "fragile", split)
        arrays = {name.removeprefix(PREFIX): one for name, one in arrays.items()}
        for pair in range(min(images, len(arrays["images"]))):
            draw_pair(line[2 * pair], line[2 * pair + 1], arrays, pair)
        line[0].text(
            -0.12,
            0.5,
            f"{row['arm']}\n{100 * row['value']:.1f} %",
            transform=line[0].transAxes,
            rotation=90,
            ha="center",
            va="center",
        )
    add_caption(
        figure,
        "Pairs: an image, and the same circularly shifted by a pixel along the arrow, "
        "each with the class predicted and its probability. Those that lose most "
        f"probability, of {found['n'].iloc[0]:,} images, seed {seed}; left: agreement "
        "over the eight shifts by one pixel.",
    )
    return figure


def draw_pair(
    before: Axes, after: Axes, arrays: Mapping[str, np.ndarray], index: int
) -> None:
    """Draws one image and its shift, each under its prediction.

    Args:
      before: where the image goes.
      after: where its shift goes.
      arrays: of `eval=fragile`, by name.
      index: of the image.
    """
    image, offset = arrays["images"][index], tuple(arrays["offsets"][index].tolist())

    def predict(which: str) -> str:
        probability = arrays[f"p_{which}"][index].item()
        return f"{arrays[which][index].item()}: {probability:.0%}"

    draw_image(before, image, predict("unshifted"))
    title = f"{ARROWS[offset]} {predict('shifted')}"
    draw_image(after, np.roll(image, offset, (0, 1)), title)


def draw_image(axes: Axes, image: np.ndarray, title: str) -> None:
    """Draws one image, (H, W, 1) or (H, W, 3) in 0…255, under its prediction."""
    grey = image.shape[-1] == 1
    shown = image[..., 0] if grey else image
    axes.imshow(shown, cmap="gray" if grey else None, vmin=0, vmax=255)
    axes.set_title(title.replace("%", " %"), fontsize=SMALL, pad=2)
