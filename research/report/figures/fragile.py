"""The most fragile images, with the move by one pixel that flips each."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from research.ranges import Count, Seed
from research.report.figures.findings import compare_arms, sort_arms
from research.report.figures.looks import current
from research.report.figures.style import Width, create_axes, styled
from research.report.figures.texts import Drawn, describe
from research.report.fragile import ARROWS, describe_move, read_pairs, select_fragile
from research.report.results import Results
from research.report.words import name_arms

NAME = 18  # characters in a line of an arm's name
LONGEST = 10  # characters of a class above an image


@styled
def draw(
    results: Results,
    *,
    images: Count = 4,
    seed: Seed | None = None,
    split: str = "test",
    width: Width = "two",
) -> Drawn:
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
    found = select_fragile(results, split)
    seed = found["seed"].min() if seed is None else seed
    found = sort_arms(found[found["seed"] == seed])
    names = name_arms(results.arms)
    shape = {"nrows": len(found), "ncols": 2 * images, "squeeze": False}
    figure, grid = create_axes(width, 0.4 + 1.05 * len(found), **shape)
    for axes in grid.flat:
        axes.set_axis_off()
    for line, (_, row) in zip(grid, found.iterrows(), strict=True):
        arrays = read_pairs(results, row)
        for pair in range(min(images, len(arrays["images"]))):
            draw_pair(line[2 * pair], line[2 * pair + 1], arrays, pair)
        line[0].text(
            -0.2,
            0.5,
            f"{textwrap.fill(names[row['arm']], NAME)}\n{100 * row['value']:.1f} %",
            transform=line[0].transAxes,
            rotation=90,
            fontsize=current().ticks,
            ha="center",
            va="center",
        )
    describe(
        figure,
        "Answers that a move by one pixel leaves as they are: "
        f"{compare_arms(found[['arm', 'value']], names)}",
        shows=f"Pairs: an image, and the same {describe_move(found)} by a pixel "
        "along the arrow, each with the class predicted and its probability.",
        note="Shown are those that lose "
        f"most probability, of {found['n'].iloc[0]:,} images, seed {seed}; left: "
        "agreement over the eight shifts by one pixel.",
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
        name = shorten(str(arrays[f"{which}_name"][index]))
        return f"{name}: {probability:.0%}"

    draw_image(before, image, predict("unshifted"))
    title = f"{ARROWS[offset]} {predict('shifted')}"
    draw_image(after, arrays["moved"][index], title)


def shorten(name: str) -> str:
    """Returns a name that fits above a small image."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def draw_image(axes: Axes, image: np.ndarray, title: str) -> None:
    """Draws one image, (H, W, 1) or (H, W, 3) in 0…255, under its prediction."""
    grey = image.shape[-1] == 1
    shown = image[..., 0] if grey else image
    axes.imshow(shown, cmap="gray" if grey else None, vmin=0, vmax=255)
    axes.set_title(title.replace("%", " %"), fontsize=current().small, pad=2)
