"""The perceptron of a transformer's block, over the positions of a map."""

from __future__ import annotations

from flax import nnx

from research.nn.activation import Activation, activate_within
from research.nn.layers import Dense
from research.types import Map


class Perceptron(nnx.Module):
    """At each position dense → activation → dense: (B, H, W, C) → (B, H, W, C).

    2·C·hidden + hidden + C parameters besides the activation's.

    Args:
      width: C.
      hidden: channels in between.
      activation: factory of the activation, which sees maps.
      rngs: initialises the layers (Glorot uniform).
    """

    def __init__(
        self, width: int, hidden: int, *, activation: Activation, rngs: nnx.Rngs
    ):
        self.expand = Dense(width, hidden, rngs=rngs)
        self.act = activation(hidden, rngs=rngs)
        self.contract = Dense(hidden, width, rngs=rngs)

    def __call__(self, x: Map) -> Map:
        """Returns contract(act(expand(x)))."""
        return activate_within(self.act, self.expand, self.contract, x)
