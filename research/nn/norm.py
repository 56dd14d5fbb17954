"""Norms besides `research.nn.layers.BatchNorm`: factories `norm(features, *, rngs)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flax import nnx

from research.types import Stride

Norm = Callable[..., Any]  # norm(features, *, rngs)


class LayerNorm(nnx.LayerNorm):
    """Layer normalisation over the channels of each position (ε = 10⁻⁶), as a stage."""

    stride: Stride = (1, 1)

    def __init__(self, features: int, *, rngs: nnx.Rngs):
        super().__init__(features, epsilon=1e-6, rngs=rngs)
