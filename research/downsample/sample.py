"""Sample: which of the s_h × s_w polyphase grids of a map to keep.

A sampler is `sample(reduced, lowpass) → pick`: it looks at the reduced map to choose, and
`pick(map)` filters any map of that size and keeps the chosen grid: the reduced map itself,
and its companions. So a residual shortcut is always taken on its main branch's phase.
"""

from __future__ import annotations

from collections.abc import Callable

from flax import nnx

from research.types import Map, Stride

Pick = Callable[[Map], Map]


class Sampler(nnx.Module):
    """What all samplers share.

    Attributes:
      fixed: whether phase (0, 0) is kept whatever the map: what is not kept need then
        never be computed.
      stride: (s_h, s_w).
    """

    fixed = False

    def __init__(self, features: int, stride: Stride, *, rngs: nnx.Rngs):
        del features, rngs
        self.stride = stride

    def check(self, reduce: nnx.Module) -> None:
        """Raises UserError if this sampler cannot be exact after `reduce`."""


class First(Sampler):
    """x[:, ::s_h, ::s_w]: commutes with shifts by multiples of the stride only."""

    fixed = True

    def __call__(self, reduced: Map, lowpass: Callable[..., Map]) -> Pick:
        """Returns the pick of the first phase, filtered at the kept positions only."""
        del reduced
        return lambda x: lowpass(x, self.stride)
