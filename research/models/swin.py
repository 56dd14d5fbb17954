"""Swin: a transformer whose attention is within windows, each part of it injected."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from flax import nnx

from research.downsample import Downsample
from research.downsample.anchor import Anchor
from research.downsample.sample import Energy, Sampler
from research.errors import UserError, join_options
from research.models.network import Network, Readout, Stage, output_shape
from research.models.patches import check_division, dense
from research.models.peg import ConvolvedPosition
from research.nn.activation import Activation, gelu
from research.nn.attention import BiasedAttention, CircularBias, Tokens
from research.nn.norm import LayerNorm
from research.nn.perceptron import Perceptron
from research.nn.signal import pair
from research.types import Count, Map, Padding, Shape, Stride

WIDEST = 8  # of the windows that are chosen by the map

Norm = Callable[..., Stage]  # norm(features, *, rngs)


class Windows(nnx.Module):
    """Attention within the windows of a frame: (B, H, W, C) → (B, H, W, C).

    roll into the frame → cut into h×w windows → attention → join → roll back. In a
    circular world windows may wrap around the border, so a shifted grid needs no mask.
    Along an axis that a window covers there is neither a frame nor a grid to shift.

    Args:
      width: C.
      heads: of the attention.
      window: (h, w), which divides the map.
      world: (H, W) of the map.
      shifted: whether the grid begins half a window further down and right.
      anchor: factory of the sampler that chooses the frame: `Energy` follows the map
        (A-WSA), `First` is Swin's fixed grid.
      bias: factory `bias(window, world, heads, *, rngs)` of the relative positions.
      rngs: initialises everything.

    References:
      Z. Liu et al., Swin Transformer, ICCV 2021, arXiv:2103.14030. R. A. Rojas-Gomez et
      al., Making Vision Transformers Truly Shift-Equivariant, CVPR 2024,
      arXiv:2305.16316. Anchoring: arXiv:2306.07470.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        window: Stride,
        world: Stride,
        *,
        shifted: bool = False,
        anchor: Callable[..., Sampler] = Energy,
        bias: Callable[..., nnx.Module] = CircularBias,
        rngs: nnx.Rngs,
    ):
        self.window, self.world = window, world
        rows, columns = (
            1 if size == whole else size
            for size, whole in zip(window, world, strict=True)
        )
        self.anchor = Anchor(width, (rows, columns), sample=anchor, rngs=rngs)
        self.beyond = (rows // 2, columns // 2) if shifted else (0, 0)
        bias = bias(window, world, heads, rngs=rngs)
        self.attention = BiasedAttention(width, heads, bias, rngs=rngs)

    def __call__(self, x: Map, frame: Map) -> Map:
        """Returns what each position gathers from its window.

        Args:
          x: the map.
          frame: what the frame follows, of the same size: the map before its norm,
            which makes phases tie.

        Raises:
          UserError: windows do not divide the map.
        """
        check_windows(x.shape[1:3], self.window, self.world)
        there, back = self.anchor(frame, self.beyond)
        tokens = self.attention(cut(there(x), self.window))
        return back(join(tokens, self.window, x.shape))


def cut(x: Map, window: Stride) -> Tokens:
    """Cuts a map into windows: (B, H, W, C) → (B·windows, h·w, C)."""
    (batch, height, width, channels), (rows, columns) = x.shape, window
    x = x.reshape(batch, height // rows, rows, width // columns, columns, channels)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(-1, rows * columns, channels)


def join(tokens: Tokens, window: Stride, shape: tuple[int, ...]) -> Map:
    """The inverse of `cut`: a map of this shape."""
    (batch, height, width, channels), (rows, columns) = shape, window
    grid = (batch, height // rows, width // columns, rows, columns, channels)
    return tokens.reshape(grid).transpose(0, 1, 3, 2, 4, 5).reshape(shape)


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
    activation: Activation = gelu,
    padding: Padding = "zero",
    strides: Sequence[Count | Sequence[Count]] = (2, 2),
    widths: Sequence[Count] = (48, 96),
    depths: Sequence[Count] = (2, 2),
    heads: Sequence[Count] = (3, 6),
    window: Count | Sequence[Count] | None = None,
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
      norm: factory of the norms, or None: of each block, before each merge and at the
        end.
      norm_after: see `Block`.
      activation: factory of the activation.
      padding: border mode of the patches' convolutions.
      strides: sides of the patches of each group.
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
    stages += [] if norm is None else [norm(size[-1], rngs=rngs)]
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


def choose_window(window: int | Sequence[int] | None, world: Stride) -> Stride:
    """Returns the (h, w) of the windows of a map.

    Args:
      window: of the config; None for the widest of at most 8 that divides each axis.
      world: (H, W) of the map.

    Raises:
      UserError: it does not divide the map, or nothing up to 8 does.
    """
    if window is not None:
        given = pair(window, "model.window")
        check_windows(world, given, world)
        return given
    rows, columns = (
        max(size for size in range(1, WIDEST + 1) if whole % size == 0)
        for whole in world
    )
    if (rows == 1 < world[0]) or (columns == 1 < world[1]):
        raise UserError(
            f"model.window=null: no side of 2 to {WIDEST} divides a "
            f"{world[0]}×{world[1]} map; set model.window, model.strides or data.shape"
        )
    return rows, columns


def check_windows(sizes: tuple[int, ...], window: Stride, world: Stride) -> None:
    """Raises UserError where windows do not divide a map, or no longer cover an axis.

    Args:
      sizes: (H, W) of the map.
      window: (h, w) of a window.
      world: (H, W) that the windows were made for.
    """
    for whole, side, made_for in zip(sizes, window, world, strict=True):
        if whole % side or (side == made_for != whole):
            fitting = [n for n in range(2, whole + 1) if whole % n == 0]
            raise UserError(
                f"model.window={window[0]}×{window[1]}: does not fit a "
                f"{sizes[0]}×{sizes[1]} map; an axis of {whole} takes "
                f"{join_options(fitting) or 1}, or set data.shape"
            )
