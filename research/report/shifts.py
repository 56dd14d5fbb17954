"""One image and what networks say of all its shifts: which are shown, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Integer, UInt8

from research.errors import UserError
from research.ranges import Count, Natural
from research.report.results import Results
from research.report.words import name_arms

SEEN = 2  # pixels: moves that are shown as images

Answers = Integer[np.ndarray, "height width"]


class Answered(NamedTuple):
    """What one network says of an image at every shift.

    Attributes:
      arm: the network, in words.
      answers: class at each circular shift (dy, dx), (H, W); no shift first.
      period: pixels after which answers repeat, down and to the right.
    """

    arm: str
    answers: Answers
    period: tuple[int, int]

    @property
    def kept(self) -> float:
        """The share of shifts that leave the answer as it is."""
        return float((self.answers == self.answers[0, 0]).mean())


class Shown(NamedTuple):
    """An image and what several networks say of all its shifts.

    Attributes:
      image: (H, W, C).
      label: its class.
      networks: those that are shown.
    """

    image: UInt8[np.ndarray, "height width channels"]
    label: int
    networks: list[Answered]


def describe(shown: Shown) -> str:
    """Returns what the figure shows, in words."""
    height, width = shown.networks[0].answers.shape
    rows, columns = shown.networks[0].period
    repeats = (
        f"The answers of {shown.networks[0].arm} repeat every {rows} × {columns} "
        "pixels, the stride of the network. "
        if 1 < rows < height and 1 < columns < width
        else ""
    )
    kept = "; ".join(f"{one.arm} {100 * one.kept:.0f} %" for one in shown.networks)
    return (
        f"An image of class {shown.label}, the same moved by up to {SEEN} pixels, and "
        f"the answers of {len(shown.networks)} networks to all {height * width} "
        "circular shifts, no shift in the middle: pale where the answer is that to the "
        f"unshifted image ({kept}), in colour where it is another. {repeats}Of "
        "the images explored, the one on which these networks are right and the first "
        "changes its answer most."
    )


def select(
    results: Results,
    *,
    arms: Sequence[str] | None = None,
    image: Natural | None = None,
    networks: Count = 3,
    split: str = "test",
) -> Shown:
    """Returns what is drawn; arguments and errors as `draw`."""
    found = results.select("explorer", "agreement", split=split)
    found = found.sort_values("seed", kind="stable").drop_duplicates("arm")
    found = found.set_index("arm", drop=False)
    names = choose_arms(found, results.arms, networks) if arms is None else list(arms)
    for name in names:
        if name not in found.index:
            raise UserError(
                f"figure.shifts.arms={name}: there are {', '.join(found.index)}"
            )
    rows = [found.loc[name] for name in names]
    first = results.array(rows[0], "images")
    for name, row in zip(names, rows, strict=True):
        if not np.array_equal(results.array(row, "images"), first):
            raise UserError(
                f"{names[0]} and {name} were explored with other images; choose one "
                "data set with runs=…, or networks of one with figure.shifts.arms=[…]"
            )
    labels = results.array(rows[0], "labels")
    height, width = first.shape[1:3]
    periods = [results.array(row, "predictions") for row in rows]
    answers = [spread(each, height, width) for each in periods]
    index = choose_image(answers, labels) if image is None else image
    if index >= len(first):
        raise UserError(
            f"figure.shifts.image={index}: takes 0 to {len(first) - 1}, or null"
        )
    words = name_arms(results.arms)
    chosen = [
        Answered(words[name], each[index].astype(int), period.shape[1:])
        for name, each, period in zip(names, answers, periods, strict=True)
    ]
    return Shown(first[index], int(labels[index]), chosen)


def choose_arms(found: pd.DataFrame, runs: pd.DataFrame, count: int) -> list[str]:
    """Returns the least and the most stable network, and others at even steps between.

    Networks that do not downsample are left out where enough others remain.

    Args:
      found: a line for each arm, by `arm`, with its agreement, `value`.
      runs: as `label_arms` returns them.
      count: how many, at most.
    """
    still = set(runs.loc[runs.get("downsample", "") == "none", "arm"])
    moving = found[~found.index.isin(still)]
    left = (moving if len(moving) >= count else found)["value"].sort_values(
        kind="stable"
    )
    chosen: list[str] = []
    for goal in np.linspace(left.iloc[0], left.iloc[-1], min(count, len(left))):
        rest = left.drop(chosen)
        chosen.append(str((rest - goal).abs().idxmin()))
    return sorted(chosen, key=list(left.index).index)


def choose_image(answers: Sequence[np.ndarray], labels: np.ndarray) -> int:
    """Returns the image whose answer the first network changes most.

    Of those that all networks classify correctly where they stand, if there are any.

    Args:
      answers: of each network, (N, H, W).
      labels: (N,) classes.
    """
    right = np.all([each[:, 0, 0] == labels for each in answers], axis=0)
    changed = (answers[0] != answers[0][:, :1, :1]).mean((1, 2))
    return int(np.argmax(np.where(right | ~right.any(), changed, -1.0)))


def spread(
    answers: Integer[np.ndarray, "images rows columns"], height: int, width: int
) -> Integer[np.ndarray, "images height width"]:
    """Returns the answers to all H·W shifts from those over one period, (N, P, Q)."""
    rows, columns = answers.shape[1:]
    return np.tile(answers, (1, -(-height // rows), -(-width // columns)))[
        :, :height, :width
    ]
