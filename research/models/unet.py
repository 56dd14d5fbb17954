"""The U-Net: down, up again, and skips between maps of equal size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any

from flax import nnx

from research.downsample import Downsample
from research.downsample.upsample import Upsample
from research.models.level import Level, concatenate
from research.models.network import Network, Readout, Stage
from research.nn.activation import Activation, relu
from research.nn.layers import ConvNormAct
from research.nn.norm import Norm
from research.types import Count, Length, SamePadding, Shape, Sides

Block = Callable[[int, int], list[Stage]]  # (inputs, width) → convolutions


def unet(
    shape: Shape,
    classes: int,
    *,
    downsample: Callable[..., Downsample],
    upsample: Callable[..., Upsample],
    head: Callable[..., Readout],
    padding: SamePadding = "zero",
    widths: Annotated[Sequence[Count], Length(2, 5)] = (16, 32, 64),
    depth: Count = 2,
    window: Sides = 3,
    skips: bool = True,
    activation: Activation = relu,
    norm: Norm | None = None,
    mean: float | Sequence[float] = 0.0,
    std: float | Sequence[float] = 1.0,
    rngs: nnx.Rngs,
) -> Network:
    """Convolutions, and a level below them for each further width.

    A level downsamples, convolves at its own width, comes back to the width above by a
    1×1 convolution, upsamples, takes the skip, and convolves again. The 1×1 convolution
    stands before the upsampler, where it is cheap, and where the channels are those of
    the downsampler's switches. Images (B, H, W, C) give (B, H, W, classes), whatever
    their size.

    Args:
      shape: (height, width, channels) of an image.
      classes: number of logits at each pixel.
      downsample: factory `downsample(features, *, rngs)`.
      upsample: factory `upsample(features, downsample, *, rngs)`.
      head: factory `head(map_shape, classes, *, rngs)`.
      padding: border mode of the convolutions.
      widths: channels of the map at each resolution, from the image down: two to five,
        for one to four levels.
      depth: convolutions on the way down at each resolution, and on the way up.
      window: k of them, or (k_h, k_w).
      skips: whether the maps on the way down are stacked to those on the way up.
      activation: factory of the activations, `activation(features, *, rngs)`.
      norm: factory of the norms, `norm(features, *, rngs)`, or None.
      mean: of the images, for standardisation.
      std: of the images.
      rngs: initialises everything.

    References:
      O. Ronneberger, P. Fischer, T. Brox, U-Net, MICCAI 2015, arXiv:1505.04597; with
      adaptive sampling: A. Chaman, I. Dokmanić, arXiv:2105.04040.
    """
    conv = partial(build_layer, padding, activation, norm, rngs)

    def block(inputs: int, width: int) -> list[Stage]:
        return [conv(inputs if i == 0 else width, width, window) for i in range(depth)]

    def build(inputs: int, widths: Sequence[int]) -> list[Stage]:
        width, *below = widths
        stages = block(inputs, width)
        if not below:
            return stages
        down = downsample(width, rngs=rngs)
        inside = [*build(width, below), conv(below[0], width, 1)]
        up = upsample(width, down, rngs=rngs)
        level = Level(down, inside, up, concatenate if skips else None)
        return [*stages, level, *block(2 * width if skips else width, width)]

    stages = build(shape[-1], widths)
    readout = partial(head, classes=classes)
    return Network(shape, stages, readout, mean=mean, std=std, rngs=rngs)


def build_layer(
    padding: SamePadding,
    activation: Activation,
    norm: Norm | None,
    rngs: nnx.Rngs,
    inputs: int,
    width: int,
    window: Any,
) -> ConvNormAct:
    """Builds a convolution with its norm and activation, which keeps the map's size."""
    act = activation(width, rngs=rngs)
    return ConvNormAct(
        inputs, width, window, padding=padding, norm=norm, act=act, rngs=rngs
    )
