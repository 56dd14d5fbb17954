"""Polyphase anchoring: a frame that moves with the map, for layers on a fixed grid.

A layer that cuts a map into cells of w×w commutes with shifts by multiples of w only.
An anchor chooses one of the w² phases of the map, as adaptive polyphase sampling does,
and rolls the map until that phase is the first. If the choice follows shifts, what the
layer sees of a shifted map is a shift by whole cells of what it saw before, so that it
commutes with all shifts; rolling its result back makes that exact for maps, not only
for what is pooled from them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Int

from research.downsample.lowpass import Identity
from research.downsample.sample import Energy, Sampler
from research.nn.signal import shift
from research.types import Map, Stride

Roll = Callable[[Map], Map]


class Anchor(nnx.Module):
    """Where the cells of a map begin: x → the roll into its frame, and the roll back.

    With `Energy` it is k = argmax over the w² phases of ‖x[i::w_h, j::w_w]‖₂ for each
    example, and the map is rolled by (−i, −j). Exact for all circular shifts where w
    divides the map and no phases tie. They do tie where every position has the same
    norm, as after layer normalisation: so choose by a map from before it. One pass over
    the map; `First` is the grid that does not move, and costs nothing.

    Args:
      features: channels of the map.
      window: (w_h, w_w) of a cell.
      sample: factory of the sampler whose phase it is; one that keeps a single phase,
        in training as well.
      rngs: for samplers that have parameters.

    References:
      polyphase anchoring, arXiv:2306.07470; A. Chaman, I. Dokmanić, Truly
      Shift-Invariant Convolutional Neural Networks, CVPR 2021, arXiv:2011.14214.
    """

    def __init__(
        self,
        features: int,
        window: Stride,
        *,
        sample: Callable[..., Sampler] = Energy,
        rngs: nnx.Rngs,
    ):
        self.window = window
        self.sample = sample(features, window, rngs=rngs)
        self.lowpass = Identity(features, window, rngs=rngs)

    def phase(self, x: Map) -> Int[Array, "batch 2"]:
        """Returns the phase (i, j) of each example."""
        _, follow = self.sample(x, self.lowpass)
        # A companion as large as one cell, whose values say where they are.
        places = np.moveaxis(np.indices(self.window, np.float32), 0, -1)
        cell = jnp.broadcast_to(places, (x.shape[0], *places.shape))
        return follow(cell)[:, 0, 0].astype(int)

    def __call__(self, x: Map, beyond: Stride = (0, 0)) -> tuple[Roll, Roll]:
        """Returns the roll into the frame of `x`, and the roll back.

        Args:
          x: what the frame follows; the rolls are for maps of its size.
          beyond: how much further to roll up and left.
        """
        if self.sample.fixed:
            there = (-beyond[0], -beyond[1])
            return partial(shift, offset=there), partial(shift, offset=beyond)
        offset = self.phase(x) + jnp.array(beyond)
        return partial(shift, offset=-offset), partial(shift, offset=offset)
