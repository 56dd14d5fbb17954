"""One image, all its shifts, and the answers that networks give to each of them."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.patches import Rectangle

from research.ranges import Count, Length, Natural
from research.report.figures.looks import current
from research.report.figures.orbit import centre_shifts
from research.report.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    Width,
    create_axes,
    styled,
)
from research.report.figures.texts import Drawn
from research.report.figures.texts import describe as add_texts
from research.report.results import Results
from research.report.shifts import SEEN, Answered, Shown, describe, select

KEPT = "#e3e9ee"  # of the answer to the unshifted image
CHANGED = (RED, BLUE, ORANGE, GREEN, PURPLE, SKY, BLACK)
NAME = 18  # characters in a line of an arm's name
OTHERS = GREY  # of answers that have no colour of their own


@styled
def draw(
    results: Results,
    *,
    arms: Annotated[Sequence[str], Length()] | None = None,
    image: Natural | None = None,
    networks: Count = 3,
    split: str = "test",
    width: Width = "two",
) -> Drawn:
    """Draws an image, its nearest shifts, and a map of the answers to all of them.

    Args:
      results: with rows of `eval=explorer`.
      arms: the networks; None: chosen by `choose_arms`.
      image: its number among those explored; None: chosen by `choose_image`.
      networks: how many are chosen.
      split: of the images.
      width: `one` or `two` columns.

    Raises:
      UserError: there are no rows of `explorer`, or no such arm or image.
    """
    shown = select(results, arms=arms, image=image, networks=networks, split=split)
    figure = lay_out(shown, width, height=2.85)
    kept = "; ".join(f"{100 * one.kept:.0f} % ({one.arm})" for one in shown.networks)
    shows, _, chosen = describe(shown).rpartition("Of the images explored")
    add_texts(
        figure,
        f"Shifts of one image that leave the answer as it is: {kept}",
        shows=shows.strip(),
        note=f"Of the images explored{chosen}",
    )
    return figure


@styled
def lay_out(shown: Shown, width: Width = "two", height: float = 2.3) -> Drawn:
    """Draws the panels side by side, without the caption; `height` in inches."""
    figure, axes = create_axes(width, height, ncols=2 + len(shown.networks))
    draw_image(axes[0], shown.image)
    axes[0].set_title(f"an image: {shown.label}")
    draw_image(axes[1], tile_moves(shown.image))
    axes[1].set_title(f"moved by ≤ {SEEN} px")
    colors = color_answers(shown.networks)
    for place, network in zip(axes[2:], shown.networks, strict=True):
        draw_answers(place, network, colors)
    axes[2].set_ylabel("Down (px)", fontsize=current().small)
    for place in axes[3:]:
        place.set_yticklabels([])
    handles = [Rectangle((0, 0), 1, 1, facecolor=one) for one in colors.values()]
    if handles:
        names = [str(answer) for answer in colors]
        figure.legend(
            handles,
            names,
            title="Another answer:",
            loc="outside upper right",
            ncols=len(names),
            handlelength=1,
            alignment="right",
        )
    return figure


def tile_moves(image: np.ndarray) -> np.ndarray:
    """Returns the image moved by −2 … 2 pixels each way, side by side.

    A white line of a pixel parts them.
    """
    framed = [
        [
            np.pad(
                np.roll(image, (dy, dx), (0, 1)),
                ((0, 1), (0, 1), (0, 0)),
                constant_values=255,
            )
            for dx in range(-SEEN, SEEN + 1)
        ]
        for dy in range(-SEEN, SEEN + 1)
    ]
    return np.concatenate([np.concatenate(line, 1) for line in framed])[:-1, :-1]


def color_answers(networks: Sequence[Answered]) -> dict[int | str, str]:
    """Returns a colour for each changed answer, the most frequent first."""
    counts: Counter[int] = Counter()
    for one in networks:
        counts.update(one.answers[one.answers != one.answers[0, 0]].tolist())
    names = [answer for answer, _ in counts.most_common()]
    colors: dict[int | str, str] = dict(zip(names, CHANGED, strict=False))
    return colors | ({"others": OTHERS} if len(names) > len(CHANGED) else {})


def code_answers(network: Answered, colors: dict[int | str, str]) -> np.ndarray:
    """Returns which answer each shift gets, (H, W): no shift is in the middle.

    0 is the answer to the unshifted image; others count from 1, as `colors` has them.
    """
    shifts = centre_shifts(network.answers)
    codes = np.full(shifts.shape, len(colors))  # others, where there are any
    for code, answer in enumerate(colors, 1):
        codes[shifts == answer] = code
    codes[shifts == network.answers[0, 0]] = 0
    return codes


def draw_answers(axes: Axes, network: Answered, colors: dict[int | str, str]) -> None:
    """Draws the map of the answers to all shifts, no shift in the middle."""
    codes = code_answers(network, colors)
    height, width = codes.shape
    top, left = height // 2, width // 2
    axes.imshow(
        codes,
        cmap=ListedColormap([KEPT, *colors.values()]),
        vmin=-0.5,
        vmax=len(colors) + 0.5,
        interpolation="nearest",
        extent=(-left - 0.5, width - left - 0.5, height - top - 0.5, -top - 0.5),
    )
    near = 2 * SEEN + 1
    corner = (-SEEN - 0.5, -SEEN - 0.5)
    axes.add_patch(Rectangle(corner, near, near, fill=False, linewidth=0.8))
    axes.grid(False)
    axes.tick_params(labelsize=current().small)
    axes.set_xlabel("Right (px)", fontsize=current().small)
    axes.set_title(
        f"{textwrap.fill(network.arm, NAME)}\nkeeps {100 * network.kept:.0f} %"
    )


def draw_image(axes: Axes, image: np.ndarray) -> None:
    """Draws an image, (H, W, 1) or (H, W, 3) in 0…255, without axes."""
    grey = image.shape[-1] == 1
    shown = image[..., 0] if grey else image
    axes.imshow(shown, cmap="gray" if grey else None, vmin=0, vmax=255)
    axes.set_axis_off()
