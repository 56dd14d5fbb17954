"""SegNet: a decoder that mirrors the encoder, by switches instead of skips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated

from flax import nnx

from research.downsample import Downsample
from research.downsample.upsample import Upsample
from research.models.level import Level
from research.models.network import Network, Readout, Stage, pair_depths
from research.models.unet import build_layer
from research.nn.activation import Activation, relu
from research.nn.norm import Norm
from research.types import Count, Length, SamePadding, Shape


def segnet(
    shape: Shape,
    classes: int,
    *,
    downsample: Callable[..., Downsample],
    upsample: Callable[..., Upsample],
    head: Callable[..., Readout],
    padding: SamePadding = "zero",
    widths: Annotated[Sequence[Count], Length(1, 5)] = (16, 32, 64),
    depths: Annotated[Sequence[Count], Length(1, 5)] = (2, 2, 2),
    activation: Activation = relu,
    norm: Norm | None = None,
    mean: float | Sequence[float] = 0.0,
    std: float | Sequence[float] = 1.0,
    rngs: nnx.Rngs,
) -> Network:
    """VGG's groups of convolutions and poolings, then the same in reverse.

    Each group is followed by a downsampler. What comes up from it goes through as many
    convolutions, the last of which has the width of the group above: so the channels of
    the map that is unpooled are those of the switches. What an upsampler does not know
    is lost: nothing else passes from the way down to the way up. Images (B, H, W, C)
    give (B, H, W, classes), whatever their size.

    Args:
      shape: (height, width, channels) of an image.
      classes: number of logits at each pixel.
      downsample: factory `downsample(features, *, rngs)`.
      upsample: factory `upsample(features, downsample, *, rngs)`; `unpool` as
        published.
      head: factory `head(map_shape, classes, *, rngs)`.
      padding: border mode of the convolutions.
      widths: channels of each group.
      depths: convolutions of each group, and of its mirror image.
      activation: factory of the activations, `activation(features, *, rngs)`.
      norm: factory of the norms, `norm(features, *, rngs)`, or None.
      mean: of the images, for standardisation.
      std: of the images.
      rngs: initialises everything.

    Raises:
      UserError: there are not as many `depths` as `widths`.

    References:
      V. Badrinarayanan, A. Kendall, R. Cipolla, SegNet, TPAMI 2017, arXiv:1511.00561.
    """
    conv = partial(build_layer, padding, activation, norm, rngs)
    groups = pair_depths(widths, depths)

    def chain(inputs: int, widths: Sequence[int]) -> list[Stage]:
        pairs = zip([inputs, *widths], widths, strict=False)
        return [conv(before, width, 3) for before, width in pairs]

    def build(inputs: int, index: int, outputs: int) -> list[Stage]:
        if index == len(groups):
            return []
        width, depth = groups[index]
        encoder = chain(inputs, [width] * depth)
        down = downsample(width, rngs=rngs)
        inside = build(width, index + 1, width)
        up = upsample(width, down, rngs=rngs)
        decoder = chain(width, [*[width] * (depth - 1), outputs])
        return [*encoder, Level(down, inside, up), *decoder]

    stages = build(shape[-1], 0, widths[0])
    readout = partial(head, classes=classes)
    return Network(shape, stages, readout, mean=mean, std=std, rngs=rngs)
