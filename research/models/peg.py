"""Positions from the map itself: a depthwise convolution in place of an embedding."""

from __future__ import annotations

from flax import nnx

from research.nn.depthwise import Depthwise
from research.types import Map, Padding, Shape, Stride


class ConvolvedPosition(nnx.Module):
    """x + depthwise(x), 3×3: each position sees its neighbours (PEG).

    (B, H, W, C) → (B, H, W, C), any size. Under circular padding it commutes with every
    circular shift, where a vector for each place does not; zeros around the map say
    where its border is, which is how it encodes absolute positions as published. 10·C
    parameters and 9·C multiply-adds a position.

    Args:
      shape: (H, W, C) of the map.
      padding: border mode that keeps the size.
      rngs: draws the kernel.

    References:
      X. Chu et al., Conditional Positional Encodings for Vision Transformers, ICLR
      2023, arXiv:2102.10882. Circular: arXiv:2306.07470.
    """

    stride: Stride = (1, 1)

    def __init__(self, shape: Shape, *, padding: Padding = "zero", rngs: nnx.Rngs):
        self.conv = Depthwise(shape[-1], 3, padding=padding, rngs=rngs)

    def __call__(self, x: Map) -> Map:
        """Returns the map plus its convolution."""
        return x + self.conv(x)
