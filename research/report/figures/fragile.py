"""The most fragile images, with the 1-pixel shift that flips each."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from research.report.figures.arms import arms, select
from research.report.figures.style import SMALL, canvas, note, styled
from research.runs.rows import read_arrays

ARROWS = {
    **{(-1, -1): "↖", (-1, 0): "↑", (-1, 1): "↗", (0, -1): "←"},
    **{(0, 1): "→", (1, -1): "↙", (1, 0): "↓", (1, 1): "↘"},
}
SAID = ("unshifted", "p_unshifted", "shifted", "p_shifted")


@styled
def draw(
    runs: pd.DataFrame,
    rows: pd.DataFrame,
    metrics: pd.DataFrame,
    *,
    images: int = 4,
    seed: int | None = None,
    split: str = "test",
    width: str = "two",
) -> Figure:
    """Draws a line of pairs, image and shifted image, for each arm.

    Args:
      runs: as `read_runs` returns them.
      rows: as `read_rows` returns them.
      metrics: not used.
      images: pairs of each arm.
      seed: of the runs shown; None for the least.
      split: of the images.
      width: `one` or `two` columns.

    Raises:
      UserError: there are no rows of `fragile`.
    """
    del metrics
    rows = rows.merge(arms(runs)[["path", "arm"]], on="path")
    found = select(rows, "fragile", "agreement", split=split)
    seed = found["seed"].min() if seed is None else seed
    found = found[found["seed"] == seed]
    shape = {"nrows": len(found), "ncols": 2 * images, "squeeze": False}
    figure, grid = canvas(width, 0.4 + 1.05 * len(found), **shape)
    for axes in grid.flat:
        axes.set_axis_off()
    for line, (_, row) in zip(grid, found.iterrows(), strict=True):
        kept = read_arrays(row["path"], "fragile", split)
        kept = {
            name.removeprefix("fragile/agreement/"): array
            for name, array in kept.items()
        }
        for pair, one in enumerate(range(min(images, len(kept["images"])))):
            image, offset = kept["images"][one], tuple(kept["offsets"][one].tolist())
            shifted = np.roll(image, offset, (0, 1))
            before, after = line[2 * pair], line[2 * pair + 1]
            told = {name: kept[name][one].item() for name in SAID}
            picture(before, image, f"{told['unshifted']}: {told['p_unshifted']:.0%}")
            arrow = ARROWS[offset]
            said = f"{arrow} {told['shifted']}: {told['p_shifted']:.0%}"
            picture(after, shifted, said)
        line[0].text(
            -0.12,
            0.5,
            f"{row['arm']}\n{100 * row['value']:.1f} %",
            transform=line[0].transAxes,
            rotation=90,
            ha="center",
            va="center",
        )
    note(
        figure,
        "Pairs: an image, and the same circularly shifted by a pixel along the arrow, "
        "each with the class predicted and its probability. Those that lose most "
        f"probability, of {found['n'].iloc[0]:,} images, seed {seed}; left: agreement "
        "over the eight shifts by one pixel.",
    )
    return figure


def picture(axes: Axes, image: np.ndarray, title: str) -> None:
    """Draws one image under its prediction."""
    grey = image.shape[-1] == 1
    shown = image[..., 0] if grey else image
    axes.imshow(shown, cmap="gray" if grey else None, vmin=0, vmax=255)
    axes.set_title(title.replace("%", " %"), fontsize=SMALL, pad=2)
