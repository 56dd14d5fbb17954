"""Residual networks, for small and for large images, by one function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from flax import nnx

from research.downsample import Downsample
from research.downsample.reduce import Max
from research.models import convert
from research.models.network import Network, Readout, Stage, pair_depths
from research.models.residual import PadChannels, Residual, Shortcut, basic
from research.nn.activation import Activation, relu
from research.nn.layers import BatchNorm, ConvNormAct
from research.nn.norm import Norm
from research.types import Counts, Map, Padding, Shape, Sides, Stride


class MaxPool(nnx.Module):
    """A dense window maximum, then the common downsampler: with decimation max pooling.

    Args:
      features: channels.
      window: k of the maximum, or (k_h, k_w).
      padding: its border mode; `zero` means −∞.
      downsample: factory `downsample(features, *, rngs)`.
      rngs: initialises the downsampler.
    """

    def __init__(
        self,
        features: int,
        *,
        window: Sides,
        padding: Padding,
        downsample: Callable[..., Downsample],
        rngs: nnx.Rngs,
    ):
        self.reduce = Max(features, (1, 1), window=window, padding=padding, rngs=rngs)
        self.down = downsample(features, rngs=rngs)
        self.stride: Stride = self.down.stride

    def __call__(self, x: Map) -> Map:
        """(B, H, W, C) → (B, ⌈H/s⌉, ⌈W/s⌉, C)."""
        return self.down.after(self.reduce, x)


def small_stem(
    inputs: int,
    width: int,
    *,
    downsample: Callable[..., Downsample],
    padding: Padding,
    activation: Activation = relu,
    norm: Norm | None = BatchNorm,
    rngs: nnx.Rngs,
) -> list[Stage]:
    """One 3×3 convolution, for images of 28 to 64 pixels."""
    del downsample
    act = activation(width, rngs=rngs)
    return [ConvNormAct(inputs, width, norm=norm, act=act, padding=padding, rngs=rngs)]


def large_stem(
    inputs: int,
    width: int,
    *,
    downsample: Callable[..., Downsample],
    padding: Padding,
    exempt: bool = False,
    pool_window: Sides = 3,
    pool_padding: Padding | None = None,
    activation: Activation = relu,
    norm: Norm | None = BatchNorm,
    rngs: nnx.Rngs,
) -> list[Stage]:
    """A 7×7 convolution and a max pooling, both downsampled, for ImageNet's images.

    Args:
      inputs: channels of an image.
      width: channels of the stem.
      downsample: factory of the common downsampler.
      padding: border mode.
      exempt: the convolution is decimated whatever the common downsampler, as Zhang
        2019 does to save computation.
      pool_window: of the maximum, k or (k_h, k_w); 2 in Zhang's anti-aliased networks.
      pool_padding: of the maximum; None: `padding`. `valid` in Zhang's networks.
      activation: factory of the activation, `activation(features, *, rngs)`.
      norm: factory of the norm, `norm(features, *, rngs)`, or None.
      rngs: initialises everything.
    """
    first = Downsample if exempt else downsample
    act = activation(width, rngs=rngs)
    return [
        ConvNormAct(inputs, width, 7, norm=norm, act=act, padding=padding, rngs=rngs),
        first(width, rngs=rngs),
        MaxPool(
            width,
            window=pool_window,
            padding=pool_padding or padding,
            downsample=downsample,
            rngs=rngs,
        ),
    ]


def resnet(
    shape: Shape,
    classes: int,
    *,
    downsample: Callable[..., Downsample],
    head: Callable[..., Readout],
    padding: Padding = "zero",
    stem: Callable[..., list[Stage]] = small_stem,
    block: Callable[..., Residual] = basic,
    shortcut: Callable[..., Shortcut] = PadChannels,
    widths: Counts = (16, 32, 64),
    depths: Counts = (3, 3, 3),
    activation: Activation = relu,
    norm: Norm | None = BatchNorm,
    weights: str | None = None,
    mean: float | Sequence[float] = 0.0,
    std: float | Sequence[float] = 1.0,
    rngs: nnx.Rngs,
) -> Network:
    """A stem, then groups of residual blocks; each group but the first downsamples.

    The default is ResNet-20 for CIFAR (269,722 parameters with ten classes); depths of
    5 and 9 make ResNet-32 and -56. With the large stem, projections, widths 64 to 512
    and a thousand classes: ResNet-18 (basic blocks, depths 2, 2, 2, 2; 11,689,512) and
    ResNet-50 (bottlenecks, depths 3, 4, 6, 3; 25,557,032).

    Args:
      shape: (height, width, channels) of an image.
      classes: number of logits.
      downsample: factory `downsample(features, *, rngs)`.
      head: factory `head(map_shape, classes, *, rngs)`.
      padding: border mode of the convolutions.
      stem: factory of the first stages.
      block: `basic` or `bottleneck`.
      shortcut: `PadChannels` or `Project`, where a block changes the channels.
      widths: of each group.
      depths: blocks of each group.
      activation: factory of the activations, `activation(features, *, rngs)`.
      norm: factory of the norms, `norm(features, *, rngs)`, or None.
      weights: a PyTorch state dict to start from (see `research.models.convert`).
      mean: of the images, for standardisation.
      std: of the images.
      rngs: initialises everything (He normal).

    References:
      K. He et al., Deep Residual Learning for Image Recognition, CVPR 2016,
      arXiv:1512.03385. R. Zhang, Making Convolutional Networks Shift-Invariant Again,
      ICML 2019, arXiv:1904.11486.
    """
    parts = {"activation": activation, "norm": norm}
    common = {"padding": padding, **parts, "rngs": rngs}
    stages = list(stem(shape[-1], widths[0], downsample=downsample, **common))
    inputs = widths[0]
    for group, (width, depth) in enumerate(pair_depths(widths, depths)):
        for index in range(depth):
            down = downsample if group > 0 and index == 0 else None
            made = block(inputs, width, downsample=down, shortcut=shortcut, **common)
            inputs = made.after.conv.kernel.shape[-1]
            stages.append(made)
    readout = partial(head, classes=classes)
    network = Network(shape, stages, readout, mean=mean, std=std, rngs=rngs)
    if weights is not None:
        convert.load(convert.resnet_parts(network), weights)
    return network
