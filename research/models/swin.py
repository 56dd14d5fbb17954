"""Swin: a transformer whose attention is within windows, each part of it injected."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any

from flax import nnx

from research.downsample import Downsample
from research.downsample.sample import Energy, Sampler
from research.errors import UserError
from research.models.network import Network, Readout, Stage, output_shape
from research.models.patches import check_division, dense
from research.models.peg import ConvolvedPosition
from research.models.windows import Windows, choose_window
from research.nn.activation import Activation, gelu
from research.nn.attention import CircularBias
from research.nn.norm import LayerNorm, Norm
from research.nn.perceptron import Perceptron
from research.nn.signal import pair
from research.types import Count, Counts, Length, Map, Padding, Shape, Sides, Stride


class Block(nnx.Module):
    """x + attention(norm(x)), then x + perceptron(norm(x)): a map of the same size.

    Args:
      width: channels.
      hidden: of the perceptron.
      windows: the attention.
      norm: factory of the two norms, or None.
      norm_after: whether a norm comes after its branch instead of before, inside the
        residual (Swin V2).
      activation: factory of the activation.
      rngs: initialises everything.

    References:
      Z. Liu et al., Swin Transformer V2, CVPR 2022, arXiv:2111.09883.
    """

    stride: Stride = (1, 1)

    def __init__(
        self,
        width: int,
        hidden: int,
        windows: Windows,
        *,
        norm: Norm | None = LayerNorm,
        norm_after: bool = False,
        activation: Activation = gelu,
        rngs: nnx.Rngs,
    ):
        self.windows = windows
        norms = [] if norm is None else [norm(width, rngs=rngs) for _ in range(2)]
        self.norms = nnx.List(norms)
        self.norm_after = norm_after
        self.perceptron = Perceptron(width, hidden, activation=activation, rngs=rngs)

    def __call__(self, x: Map) -> Map:
        """(B, H, W, C) → (B, H, W, C)."""
        x = x + self.branch(0, partial(self.windows, frame=x), x)
        return x + self.branch(1, self.perceptron, x)

    def branch(self, index: int, part: Callable[[Map], Map], x: Map) -> Map:
        """Returns a part of the map, normalised before or after it."""
        if not self.norms:
            return part(x)
        norm = self.norms[index]
        return norm(part(x)) if self.norm_after else part(norm(x))


def swin(
    shape: Shape,
    classes: int,
    *,
    downsample: Callable[..., Downsample],
    head: Callable[..., Readout],
    embed: Callable[..., list[Stage]] = dense,
    merge: Callable[..., list[Stage]] = dense,
    anchor: Callable[..., Sampler] = Energy,
    bias: Callable[..., nnx.Module] = CircularBias,
    position: Callable[..., Stage] = ConvolvedPosition,
    norm: Norm | None = LayerNorm,
    norm_after: bool = False,
    last_norm: Norm | None = LayerNorm,
    activation: Activation = gelu,
    padding: Padding = "zero",
    strides: Counts | Annotated[Sequence[Sides], Length()] = (2, 2),
    widths: Counts = (48, 96),
    depths: Counts = (2, 2),
    heads: Counts = (3, 6),
    window: Sides | None = None,
    expansion: Count = 4,
    mean: float | Sequence[float] = 0.0,
    std: float | Sequence[float] = 1.0,
    rngs: nnx.Rngs,
) -> Network:
    """Groups of blocks, each after patches of an image or of the group before.

    Every second block has its grid of windows shifted by half a window. With
    `sample=energy` in the downsampler, the anchor `Energy`, `CircularBias`,
    `ConvolvedPosition` and circular padding, every stage commutes with all circular
    shifts, up to a shift of its map where it downsamples; each of these parts off
    breaks that. Nothing follows for fractional shifts.

    Args:
      shape: (height, width, channels) of an image.
      classes: number of logits.
      downsample: factory `downsample(features, *, rngs, stride)`, for `dense` patches:
        its stride is that of the group (`strides`).
      head: factory `head(map_shape, classes, *, rngs)`.
      embed: factory of the patches of the image (`research.models.patches`).
      merge: factory of the patches before each later group.
      anchor: factory of the sampler that chooses where windows begin.
      bias: factory of the relative positions in windows.
      position: factory `position(map_shape, *, rngs)` of a stage at the beginning of
        each group.
      norm: factory of the norms of each block and before each merge, or None.
      norm_after: see `Block`.
      last_norm: factory of the norm of the last map, or None. One that takes means over
        positions would leave the readout nothing to pool.
      activation: factory of the activation.
      padding: border mode of the patches' convolutions.
      strides: sides of the patches of each group, one for both axes or (h, w).
      widths: channels of each group.
      depths: blocks of each group.
      heads: of the attention of each group.
      window: side of the windows, or (h, w); None: along each axis the widest of at
        most 8 that divides the map.
      expansion: hidden channels of a perceptron, in multiples of the width.
      mean: of the images, for standardisation.
      std: of the images.
      rngs: initialises everything.

    Raises:
      UserError: lists of different lengths; patches or windows that do not divide
        their map; heads that do not divide their width.

    References:
      As of `Windows`.
    """
    lists = {"strides": strides, "widths": widths, "depths": depths, "heads": heads}
    groups = zip(*match_lengths(lists), strict=True)
    stages: list[Stage] = []
    size = shape
    for index, (stride, width, depth, count) in enumerate(groups):
        patch = pair(stride, "model.strides")
        check_division(size, patch)
        patches = (merge if index else embed)(
            size[-1],
            width,
            patch,
            downsample=downsample,
            norm=norm if index else None,
            padding=padding,
            rngs=rngs,
        )
        for stage in patches:
            size = output_shape(stage, size)
        stages += [*patches, position(size, rngs=rngs)]
        world = size[:2]
        windows = partial(
            Windows,
            width,
            count,
            choose_window(window, world),
            world,
            anchor=anchor,
            bias=bias,
            rngs=rngs,
        )
        stages += [
            Block(
                width,
                expansion * width,
                windows(shifted=bool(block % 2)),
                norm=norm,
                norm_after=norm_after,
                activation=activation,
                rngs=rngs,
            )
            for block in range(depth)
        ]
    stages += [] if last_norm is None else [last_norm(size[-1], rngs=rngs)]
    readout = partial(head, classes=classes)
    return Network(shape, stages, readout, mean=mean, std=std, rngs=rngs)


def match_lengths(lists: Mapping[str, Sequence[Any]]) -> list[Sequence[Any]]:
    """Returns lists by key of `model`, which have one element for each group.

    Raises:
      UserError: they are not of one length, or empty.
    """
    lengths = {len(one) for one in lists.values()}
    if len(lengths) != 1 or 0 in lengths:
        named = " ".join(f"model.{key}={list(one)}" for key, one in lists.items())
        raise UserError(f"{named}: take one number each for every group of blocks")
    return list(lists.values())
