"""Label maps side by side: image, truth, predictions, and what one pixel changes."""

from __future__ import annotations

import textwrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap

from research.errors import UserError
from research.ranges import Count, Seed
from research.report.figures.findings import compare_arms
from research.report.figures.fragile import draw_image
from research.report.figures.style import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    WIDTHS,
    Width,
    create_axes,
    current,
    styled,
)
from research.report.figures.texts import Drawn, describe
from research.report.results import Results
from research.report.words import name_arms

# Of the classes, in turn; the first is background more often than not.
CLASSES = ["#1a1a1a", ORANGE, SKY, GREEN, RED, BLUE, PURPLE, "#F0E442", "#8c8c8c"]
UNKNOWN = "white"  # of pixels without a label, or of another class than there is
PREFIX = "neighbours/flips/"  # of the arrays
LARGEST = 1.1  # inches of a picture
NAME = 18  # characters in a line of an arm's name
ALL = 256  # classes that fit a byte


@styled
def draw(
    results: Results,
    *,
    images: Count = 3,
    seed: Seed | None = None,
    split: str = "test",
    width: Width = "two",
) -> Drawn:
    """Draws two lines for each image: predictions of every arm, and maps of flips.

    Args:
      results: with rows of `eval=consistency`.
      images: of those that were kept.
      seed: of the runs shown; None for the least.
      split: of the examples measured.
      width: `one` or `two` columns.

    Raises:
      UserError: there are no rows of `eval=consistency`, or none of the seed.
    """
    found = results.select("neighbours", "flips", split=split)
    known = sorted(set(found["seed"]))
    seed = known[0] if seed is None else seed
    if seed not in known:
        raise UserError(f"seed={seed}: there are rows of {', '.join(map(str, known))}")
    found = found[found["seed"] == seed]
    kept = [
        results.arrays(row["path"], row["evaluator"], split).below(PREFIX)
        for _, row in found.iterrows()
    ]
    count = min(images, *(len(arrays["images"]) for arrays in kept))
    columns = 1 + len(kept)
    side = min(WIDTHS[width] / columns, LARGEST)
    shape = {"nrows": 2 * count, "ncols": columns, "squeeze": False}
    figure, grid = create_axes(width, 0.45 + 2 * count * side, **shape)
    figure.set_figwidth(max(WIDTHS["one"], columns * side))
    for axes in grid.flat:
        axes.set_axis_off()
    for index in range(count):
        upper, lower = grid[2 * index], grid[2 * index + 1]
        draw_image(upper[0], kept[0]["images"][index], "")
        if "masks" in kept[0]:
            draw_labels(lower[0], kept[0]["masks"][index])
        for top, bottom, arrays in zip(upper[1:], lower[1:], kept, strict=True):
            draw_labels(top, arrays["predictions"][index])
            bottom.imshow(arrays["map"][index], cmap="inferno", vmin=0, vmax=1)
    names = name_arms(results.arms)
    grid[0][0].set_title("image, truth", fontsize=current().small)
    for axes, (_, row) in zip(grid[0][1:], found.iterrows(), strict=True):
        name = textwrap.fill(names[row["arm"]], NAME)
        axes.set_title(
            f"{name}\n{100 * row['value']:.2f} % flip", fontsize=current().small
        )
    said = compare_arms(
        found[["arm", "value"]], names, lambda value: f"{100 * value:.2f} %"
    )
    describe(
        figure,
        f"Pixels whose class a move by one pixel changes: {said}",
        shows="Of each image the label maps that every arm predicts, and below them "
        "which of the eight circular shifts by one pixel change the class of a pixel, "
        "the shift undone: black none, bright all.",
        note=f"Seed {seed}; above: the mean over {found['n'].iloc[0]:,} images.",
    )
    return figure


def draw_labels(axes: Axes, labels: np.ndarray) -> None:
    """Draws a label map (H, W); the colours of classes recur."""
    colours = [CLASSES[0]]
    rest = CLASSES[1:]
    colours += [rest[i % len(rest)] for i in range(ALL - 2)] + [UNKNOWN]
    axes.imshow(
        labels, cmap=ListedColormap(colours), vmin=0, vmax=ALL - 1, interpolation="none"
    )
