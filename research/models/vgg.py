"""VGG: five blocks of 3×3 convolutions with a pooling after each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from flax import nnx

from research.downsample import Downsample
from research.models import convert
from research.models.network import Network, Readout, Stage, pair_depths
from research.nn.activation import Act, Activation, relu
from research.nn.layers import BatchNorm, Conv, ConvNormAct
from research.nn.norm import Norm
from research.types import Counts, Padding, Shape


class BiasedConvNormAct(ConvNormAct):
    """Convolution with a bias → norm (if any) → activation.

    A norm makes the bias idle. The published networks have both, and their weights fit
    here one to one.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        norm: Norm | None,
        act: Act,
        padding: Padding,
        rngs: nnx.Rngs,
    ):
        nnx.Module.__init__(self)
        self.conv = Conv(inputs, outputs, padding=padding, rngs=rngs)
        self.norm = None if norm is None else norm(outputs, rngs=rngs)
        self.act = act


def vgg(
    shape: Shape,
    classes: int,
    *,
    downsample: Callable[..., Downsample],
    head: Callable[..., Readout],
    padding: Padding = "zero",
    widths: Counts = (64, 128, 256, 512, 512),
    depths: Counts = (2, 2, 2, 2, 2),
    activation: Activation = relu,
    norm: Norm | None = BatchNorm,
    weights: str | None = None,
    mean: float | Sequence[float] = 0.0,
    std: float | Sequence[float] = 1.0,
    rngs: nnx.Rngs,
) -> Network:
    """Blocks of 3×3 convolutions, a downsampler after each.

    The default is VGG-13: with the `gap` head and ten classes 9,416,010 parameters, the
    network of the CIFAR experiments of Zhang 2019 (where `max_blur` is its anti-aliased
    form); with the 4096-unit head and a thousand classes 133,053,736, PyTorch's
    `vgg13_bn` (133,047,848 without norms, `vgg13`).

    Args:
      shape: (height, width, channels) of an image.
      classes: number of logits.
      downsample: factory `downsample(features, *, rngs)`.
      head: factory `head(map_shape, classes, *, rngs)`.
      padding: border mode of the convolutions.
      widths: channels of each block.
      depths: convolutions of each block.
      activation: factory of the activations, `activation(features, *, rngs)`.
      norm: factory of the norms, `norm(features, *, rngs)`, or None.
      weights: a PyTorch state dict to start from (see `research.models.convert`).
      mean: of the images, for standardisation.
      std: of the images.
      rngs: initialises everything.

    References:
      K. Simonyan, A. Zisserman, Very Deep Convolutional Networks for Large-Scale Image
      Recognition, ICLR 2015, arXiv:1409.1556, table 1, column B. R. Zhang, Making
      Convolutional Networks Shift-Invariant Again, ICML 2019, arXiv:1904.11486.
    """
    convolution = partial(BiasedConvNormAct, norm=norm, padding=padding)
    stages: list[Stage] = []
    inputs = shape[-1]
    for width, depth in pair_depths(widths, depths):
        for _ in range(depth):
            act = activation(width, rngs=rngs)
            stages.append(convolution(inputs, width, act=act, rngs=rngs))
            inputs = width
        stages.append(downsample(width, rngs=rngs))
    readout = partial(head, classes=classes)
    network = Network(shape, stages, readout, mean=mean, std=std, rngs=rngs)
    if weights is not None:
        convert.load(convert.vgg_parts(network), weights)
    return network
