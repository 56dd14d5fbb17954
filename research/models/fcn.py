"""The fully convolutional network: a classifier's chain, whose scores are maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated

from flax import nnx

from research.downsample import Downsample
from research.downsample.upsample import Upsample
from research.models.level import AddScores, Level
from research.models.network import Network, Stage
from research.models.readout import ScoreMaps
from research.models.unet import build_layer
from research.nn.activation import Activation, relu
from research.nn.layers import Conv
from research.nn.norm import Norm
from research.types import Count, Length, SamePadding, Shape, Sides


def fcn(
    shape: Shape,
    classes: int,
    *,
    downsample: Callable[..., Downsample],
    upsample: Callable[..., Upsample],
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
    """Convolutions and downsamplers; 1×1 scores of the last map, upsampled again.

    All of the decoder is upsampling of `classes` channels: nothing learns there, unless
    the upsampler does. With skips, each finer map gives scores of its own, which are
    added (as FCN-8s does for two of them). `unpool` does not fit, since maxima are of
    the chain's channels. Images (B, H, W, C) give (B, H, W, classes).

    Args:
      shape: (height, width, channels) of an image.
      classes: number of logits at each pixel.
      downsample: factory `downsample(features, *, rngs)`.
      upsample: factory `upsample(features, downsample, *, rngs)`.
      padding: border mode of the convolutions.
      widths: channels of the map at each resolution, from the image down.
      depth: convolutions at each resolution.
      window: k of them, or (k_h, k_w).
      skips: whether finer maps give scores, too.
      activation: factory of the activations, `activation(features, *, rngs)`.
      norm: factory of the norms, `norm(features, *, rngs)`, or None.
      mean: of the images, for standardisation.
      std: of the images.
      rngs: initialises everything.

    References:
      E. Shelhamer, J. Long, T. Darrell, Fully Convolutional Networks for Semantic
      Segmentation, TPAMI 2017, arXiv:1605.06211.
    """
    conv = partial(build_layer, padding, activation, norm, rngs)

    def build(inputs: int, widths: Sequence[int]) -> list[Stage]:
        width, *below = widths
        stages: list[Stage] = [
            conv(inputs if i == 0 else width, width, window) for i in range(depth)
        ]
        if not below:
            return [*stages, Conv(width, classes, 1, rngs=rngs)]
        down = downsample(width, rngs=rngs)
        inside = build(width, below)
        up = upsample(classes, down, rngs=rngs)
        merge = AddScores(width, classes, rngs=rngs) if skips else None
        return [*stages, Level(down, inside, up, merge)]

    stages = build(shape[-1], widths)
    return Network(shape, stages, ScoreMaps, mean=mean, std=std, rngs=rngs)
