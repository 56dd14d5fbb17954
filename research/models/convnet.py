"""The small convolutional network in which to ask what pooling does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated

from flax import nnx

from research.downsample import Downsample
from research.errors import UserError
from research.models.network import Network, Readout
from research.models.stages import permute_first
from research.nn.activation import Activation, relu
from research.nn.layers import ConvNormAct, glorot_uniform
from research.nn.norm import Norm
from research.nn.signal import pair
from research.types import Count, Counts, Length, Natural, Padding, Seed, Shape, Sides


def chollet(
    shape: Shape,
    classes: int,
    *,
    downsample: Callable[..., Downsample],
    head: Callable[..., Readout],
    padding: Padding = "valid",
    widths: Counts = (32, 64, 64),
    poolings: Natural = 2,
    window: Count | Annotated[Sequence[Sides], Length()] = 3,
    dilation: Count | Annotated[Sequence[Sides], Length()] = 1,
    permutation: Seed | None = None,
    activation: Activation = relu,
    norm: Norm | None = None,
    mean: float | Sequence[float] = 0.0,
    std: float | Sequence[float] = 1.0,
    rngs: nnx.Rngs,
) -> Network:
    """Convolutions (3×3), a downsampler after each of the first `poolings`.

    On 28×28×1 images with two 2×2 max poolings: maps 26, 13, 11, 5, 3; convolutions of
    55,744 parameters; with the `flatten` head of 64 units 93,322 in all. Without
    pooling the last map is 22×22×64.

    Args:
      shape: (height, width, channels) of an image.
      classes: number of logits.
      downsample: factory `downsample(features, *, rngs)`.
      head: factory `head(map_shape, classes, *, rngs)`.
      padding: border mode of the convolutions; `valid` in the book.
      widths: channels of each convolution.
      poolings: how many of the convolutions are followed by a downsampler, from the
        first.
      window: k of the convolutions, one for all or one for each: each k, or
        (k_h, k_w).
      dilation: of the convolutions, likewise.
      permutation: seed of a fixed permutation of the pixels, which takes away the
        neighbourhoods that convolution relies on; None for none.
      activation: factory of the activations, `activation(features, *, rngs)`.
      norm: factory of the norms, `norm(features, *, rngs)`, or None as in the book.
      mean: of the images, for standardisation.
      std: of the images.
      rngs: initialises everything (Glorot uniform, as Keras does).

    References:
      F. Chollet, Deep Learning with Python, Manning 2017, listing 5.1.
    """
    stages = permute_first(permutation)
    inputs = shape[-1]
    windows = per_layer(window, len(widths), "model.window")
    dilations = per_layer(dilation, len(widths), "model.dilation")
    for index, width in enumerate(widths):
        stages.append(
            ConvNormAct(
                inputs,
                width,
                windows[index],
                dilation=dilations[index],
                padding=padding,
                norm=norm,
                act=activation(width, rngs=rngs),
                init=glorot_uniform,
                rngs=rngs,
            )
        )
        if index < poolings:
            stages.append(downsample(width, rngs=rngs))
        inputs = width
    readout = partial(head, classes=classes)
    return Network(shape, stages, readout, mean=mean, std=std, rngs=rngs)


def per_layer(
    value: Count | Sequence[Sides], count: int, key: str
) -> list[tuple[int, int]]:
    """Returns (height, width) for each of `count` layers.

    Raises:
      UserError: there are several values, but not as many as layers, or one is neither
        an integer of at least 1 nor two of them.
    """
    values = list(value) if isinstance(value, Sequence) else [value] * count
    try:
        sizes = [pair(one, key) for one in values]
    except UserError:
        sizes = []
    if len(sizes) != count:
        raise UserError(
            f"{key}={value}: give an integer ≥ 1, or {count} of them, each an integer "
            "or [height, width]"
        )
    return sizes
