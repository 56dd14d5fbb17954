"""The All-CNN family: is a pooling layer anything but a strided convolution?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from flax import nnx

from research.downsample import Downsample
from research.models.network import Network, Readout, Stage
from research.models.stages import Dropout
from research.nn.activation import Activation, relu
from research.nn.layers import ConvNormAct
from research.nn.norm import Norm
from research.types import Count, Counts, Padding, Probability, Shape


def allconv(
    shape: Shape,
    classes: int,
    *,
    downsample: Callable[..., Downsample],
    head: Callable[..., Readout],
    padding: Padding = "zero",
    last_padding: Padding | None = None,
    widths: Counts = (96, 192),
    depth: Count = 2,
    input_dropout: Probability = 0.2,
    dropout: Probability = 0.5,
    activation: Activation = relu,
    norm: Norm | None = None,
    mean: float | Sequence[float] = 0.0,
    std: float | Sequence[float] = 1.0,
    rngs: nnx.Rngs,
) -> Network:
    """Blocks of 3×3 convolutions, each followed by a downsampler; then 3×3, 1×1, 1×1.

    The four networks of base C differ in the depth of a block and its downsampler:
    Model-C (2, max 3×3), Strided-CNN-C (2, decimation: it fuses into the convolution
    before), ConvPool-CNN-C (3, max 3×3), All-CNN-C (2, a 3×3 convolution decimated;
    1,369,738 parameters on CIFAR-10). CIFAR-10 errors without augmentation: 9.74,
    10.19, 9.31, 9.08 %.

    Args:
      shape: (height, width, channels) of an image.
      classes: number of logits.
      downsample: factory `downsample(features, *, rngs)`.
      head: factory `head(map_shape, classes, *, rngs)`; `class_maps` in the paper.
      padding: border mode of the convolutions.
      last_padding: of the last 3×3 convolution. None: `valid` in a `zero` network, for
        the 6×6 map of the paper, otherwise `padding`.
      widths: channels of each block.
      depth: convolutions in a block.
      input_dropout: rate on the pixels.
      dropout: rate after each downsampler.
      activation: factory of the activations, `activation(features, *, rngs)`.
      norm: factory of the norms, `norm(features, *, rngs)`, or None.
      mean: of the images, for standardisation.
      std: of the images.
      rngs: initialises everything (He normal) and feeds the dropout.

    References:
      J. T. Springenberg et al., Striving for Simplicity: The All Convolutional Net,
      ICLR workshop 2015, arXiv:1412.6806, tables 1 to 3.
    """

    def convolution(inputs: int, outputs: int, window: int = 3, **border: Any) -> Stage:
        act = activation(outputs, rngs=rngs)
        return ConvNormAct(
            inputs, outputs, window, norm=norm, act=act, **border, rngs=rngs
        )

    stages: list[Stage] = [Dropout(input_dropout, rngs=rngs)]
    inputs = shape[-1]
    for width in widths:
        for _ in range(depth):
            stages.append(convolution(inputs, width, padding=padding))
            inputs = width
        stages += [downsample(width, rngs=rngs), Dropout(dropout, rngs=rngs)]
    if last_padding is None:
        last_padding = "valid" if padding == "zero" else padding
    stages += [
        convolution(inputs, inputs, padding=last_padding),
        convolution(inputs, inputs, 1),
    ]
    readout = partial(head, classes=classes)
    return Network(shape, stages, readout, mean=mean, std=std, rngs=rngs)
