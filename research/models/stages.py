"""Stages that several networks share, besides convolutions and downsamplers."""

from __future__ import annotations

import numpy as np
from flax import nnx

from research.models.network import Stage
from research.types import Map, Stride


class Dropout(nnx.Dropout):
    """Sets each value to zero with probability `rate` in training, and scales the rest.

    (B, H, W, C) → (B, H, W, C); the identity in evaluation.
    """

    stride: Stride = (1, 1)


class Permute(nnx.Module):
    """Moves every pixel to another place, the same way for all images and channels.

    (B, H, W, C) → (B, H, W, C). A fully connected network cannot tell the difference,
    and one that relies on neighbourhoods loses them: the control for locality.

    Args:
      seed: of the permutation, which depends on nothing else but the map's size.
    """

    stride: Stride = (1, 1)

    def __init__(self, seed: int):
        self.seed = seed

    def __call__(self, x: Map) -> Map:
        """Returns the map with its positions permuted."""
        batch, height, width, channels = x.shape
        order = np.random.default_rng(self.seed).permutation(height * width)
        return x.reshape(batch, -1, channels)[:, order].reshape(x.shape)


def permute_first(seed: int | None) -> list[Stage]:
    """Returns the stages before those of a network: a fixed permutation, or none."""
    return [] if seed is None else [Permute(seed)]
