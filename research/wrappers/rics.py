"""Robust inference by crop selection: the image itself says which window is seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from research.errors import UserError
from research.nn.signal import shift
from research.types import Count, Images, Map, Range, Seed, Shape
from research.wrappers.wrapper import Wrapper, shape_of

Kept = Annotated[float | int, Range(0, 1, above=True)]  # of each side
Scores = Float[Array, "batch rows columns"]

LEVELS = 255  # of a pixel: scores of whole numbers do not depend on the order of sums
LARGEST = 16  # weights of the filter lie within ± this
EXACT = 2**24  # whole numbers up to here are exact in float32


@dataclass(frozen=True)
class Rics(Wrapper):
    """The window with the highest score, |w ∗ x| in its middle, of all candidates.

    w is a fixed filter of random whole numbers whose sum is 0, so that neither light
    nor the network plays a part in the choice. The score of a window depends on what it
    shows and nothing else: it is the same wherever the window lies.

    - `cyclic`: candidates are all H · W windows of the image wrapped around. An integer
      circular shift permutes them, and so the same window is seen: exactly invariant
      under any network, unless two different windows tie.
    - not `cyclic`: candidates are the M_h × M_w windows that fit into the image, M =
      side − window + 1. If scores are exchangeable, two images of one scene, (dy, dx)
      pixels apart, show the same window with probability o/(2·M_h·M_w − o), o = (M_h −
      |dy|)·(M_w − |dx|); what comes in may win. So a smaller window buys consistency,
      and accuracy pays.

    One pass, and taps² · C multiply-adds a candidate.

    Attributes:
      keep: how much of each side a window keeps.
      cyclic: whether windows wrap around the border.
      taps: k of the k × k filter.
      seed: of its weights.

    References:
      O. Shifman, Y. Weiss, Lost in Translation: Modern Neural Networks Still Struggle
      with Small Realistic Image Transformations, ECCV 2024, arXiv:2404.07153 (the
      filter and the nonlinearity are ours).
    """

    keep: Kept = 1.0
    cyclic: bool = True
    taps: Count = 7
    seed: Seed = 0

    def views(self, images: Images) -> Sequence[Map]:
        """Returns the one window of each image."""
        height, width, _ = self.shape(shape_of(images))
        corners = find_highest(self.score(images))
        return [shift(images, -corners)[:, :height, :width]]

    def score(self, images: Images) -> Scores:
        """Returns the score of each candidate, by its upper left corner."""
        height, width, channels = self.shape(shape_of(images))
        levels = jnp.round(images * LEVELS)
        if self.cyclic:
            more = self.taps - 1
            levels = jnp.pad(levels, ((0, 0), (0, more), (0, more), (0, 0)), "wrap")
        response = jax.lax.conv_general_dilated(
            levels,
            jnp.asarray(self.filter(channels)[..., None]),
            (1, 1),
            "VALID",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        scores = jnp.abs(response[..., 0])
        top, left = (height - self.taps) // 2, (width - self.taps) // 2
        if self.cyclic:  # its middle, whose response is the window's own
            return jnp.roll(scores, (-top, -left), (1, 2))
        rows, columns = self.candidates(shape_of(images))
        return scores[:, top : top + rows, left : left + columns]

    def filter(self, channels: int) -> Float[np.ndarray, "taps taps channels"]:
        """Returns the weights: small whole numbers whose sum is 0."""
        random = np.random.default_rng(self.seed)
        half = random.integers(1, LARGEST + 1, self.taps**2 * channels // 2)
        weights = np.concatenate([half, -half, [0] * (self.taps**2 * channels % 2)])
        shape = (self.taps, self.taps, channels)
        return random.permutation(weights).reshape(shape).astype(np.float32)

    def candidates(self, shape: Shape) -> tuple[int, int]:
        """Returns how many windows there are along each axis: M_h, M_w."""
        if self.cyclic:
            return shape[0], shape[1]
        height, width, _ = self.shape(shape)
        return shape[0] - height + 1, shape[1] - width + 1

    def shape(self, shape: Shape) -> Shape:
        """Returns the shape of a window.

        Raises:
          UserError: the filter does not fit, or nothing is left to choose from.
        """
        height, width, channels = shape
        rows, columns = (max(1, round(self.keep * size)) for size in (height, width))
        most = min(rows, columns)
        if self.taps > most or self.taps**2 * channels * LARGEST * LEVELS >= EXACT:
            raise UserError(
                f"wrap.taps={self.taps}: takes a filter no larger than the window, "
                f"{rows}×{columns}, nor than {limit(channels)}"
            )
        if not self.cyclic and (rows, columns) == (height, width):
            raise UserError(
                f"wrap.keep={self.keep}: leaves one window of {height}×{width} to "
                "choose from; take less, or wrap.cyclic=true"
            )
        return rows, columns, channels


def limit(channels: int) -> int:
    """Returns the side of the largest filter whose scores are exact in float32."""
    return int(((EXACT - 1) / (channels * LARGEST * LEVELS)) ** 0.5)


def find_highest(scores: Scores) -> Int[Array, "batch 2"]:
    """Returns the place (row, column) of the highest score, of equal ones the first."""
    best = scores.reshape(len(scores), -1).argmax(1)
    return jnp.stack(jnp.divmod(best, scores.shape[2]), 1)
