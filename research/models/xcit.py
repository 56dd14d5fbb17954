"""XCiT: a transformer whose attention is among channels, and its alias-free form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated

import jax.numpy as jnp
from flax import nnx

from research.downsample import Downsample
from research.errors import UserError
from research.models.network import Network, Readout, Stage, output_shape
from research.models.patches import check_division
from research.models.vit import Unplaced
from research.nn.activation import Act, Activation, gelu, linear
from research.nn.attention import CrossCovariance
from research.nn.depthwise import Depthwise
from research.nn.layers import BatchNorm, ConvNormAct, Undecayed
from research.nn.norm import LayerNorm, Norm
from research.nn.perceptron import Perceptron
from research.nn.signal import Size, pair
from research.types import (
    Count,
    Counts,
    Length,
    Map,
    Padding,
    Positive,
    Shape,
    Sides,
    Stride,
)


class Activate(nnx.Module):
    """An activation as a stage: (B, H, W, C) → (B, H, W, C).

    Args:
      act: the activation.
    """

    stride: Stride = (1, 1)

    def __init__(self, act: Act):
        self.act = act

    def __call__(self, x: Map) -> Map:
        """Returns act(x)."""
        return self.act(x)


class LocalInteraction(nnx.Module):
    """depthwise 3×3 → activation → batch norm → depthwise 3×3 (LPI).

    The only place of a block where positions meet their neighbours. 20·C parameters for
    the convolutions, and 18·C multiply-adds a position.

    Args:
      width: C.
      padding: border mode that keeps the size.
      activation: factory of the activation.
      rngs: initialises everything.
    """

    def __init__(
        self, width: int, *, padding: Padding, activation: Activation, rngs: nnx.Rngs
    ):
        self.first = Depthwise(width, 3, padding=padding, rngs=rngs)
        self.act = activation(width, rngs=rngs)
        self.norm = BatchNorm(width, rngs=rngs)
        self.second = Depthwise(width, 3, padding=padding, rngs=rngs)

    def __call__(self, x: Map) -> Map:
        """(B, H, W, C) → (B, H, W, C)."""
        return self.second(self.norm(self.act(self.first(x))))


class Block(nnx.Module):
    """x + γ·part(norm(x)) for three parts: attention, neighbours, perceptron.

    Args:
      width: channels.
      heads: of the cross-covariance attention.
      hidden: of the perceptron.
      layer_scale: initial γ of every channel of each part.
      padding: border mode of the depthwise convolutions.
      norm: factory of the three norms, or None.
      activation: factory of the activations.
      rngs: initialises everything.
    """

    stride: Stride = (1, 1)

    def __init__(
        self,
        width: int,
        heads: int,
        hidden: int,
        *,
        layer_scale: Positive,
        padding: Padding,
        norm: Norm | None,
        activation: Activation,
        rngs: nnx.Rngs,
    ):
        perceptron = Perceptron(width, hidden, activation=activation, rngs=rngs)
        neighbours = LocalInteraction(
            width, padding=padding, activation=activation, rngs=rngs
        )
        attention = CrossCovariance(width, heads, rngs=rngs)
        self.parts = nnx.List([attention, neighbours, perceptron])
        norms = [] if norm is None else [norm(width, rngs=rngs) for _ in self.parts]
        self.norms = nnx.List(norms)
        self.scales = nnx.List(
            [Undecayed(jnp.full(width, float(layer_scale))) for _ in self.parts]
        )

    def __call__(self, x: Map) -> Map:
        """(B, H, W, C) → (B, H, W, C)."""
        for index, part in enumerate(self.parts):
            y = self.norms[index](x) if self.norms else x
            x = x + self.scales[index][...] * part(y)
        return x


def xcit(
    shape: Shape,
    classes: int,
    *,
    downsample: Callable[..., Downsample],
    head: Callable[..., Readout],
    position: Callable[..., Stage] = Unplaced,
    norm: Norm | None = LayerNorm,
    last_norm: Norm | None = LayerNorm,
    activation: Activation = gelu,
    padding: Padding = "zero",
    strides: Counts | Annotated[Sequence[Sides], Length()] = (2, 2),
    width: Count = 96,
    depth: Count = 4,
    heads: Count = 4,
    expansion: Count = 4,
    layer_scale: Positive = 1.0,
    mean: float | Sequence[float] = 0.0,
    std: float | Sequence[float] = 1.0,
    rngs: nnx.Rngs,
) -> Network:
    """Patches by a few convolutions, then blocks of attention among channels.

    Patches are (3×3 convolution → batch norm → activation → downsample) for each
    stride, at widths that double up to `width`. The readout pools the positions, where
    the publication has attention from a class token.

    Under circular padding all of it commutes with circular shifts, but what
    `downsample` and `position` make of them: with `sample=energy` and no position
    embedding it is exact. With `downsample=ideal`, an alias-free activation, norms with
    one deviation for each example (`TokenNorm`) and no last norm it is the alias-free
    transformer, and commutes with **fractional** shifts of images without energy in
    their Nyquist bins. Others of even size have some, and the first activation comes
    before the first lowpass.

    Args:
      shape: (height, width, channels) of an image.
      classes: number of logits.
      downsample: factory `downsample(features, *, rngs, stride)`, of each stride of
        `strides`, whatever it would be by default.
      head: factory `head(map_shape, classes, *, rngs)`.
      position: factory of the position embedding, once, after the patches.
      norm: factory of the three norms of each block, or None.
      last_norm: factory of the norm of the last map, or None. One that takes means over
        positions would leave the readout nothing to pool.
      activation: factory of the activations.
      padding: border mode of all convolutions; `valid` counts as `zero`.
      strides: of the convolutions that make patches, one for both axes or (h, w).
      width: channels of a patch.
      depth: number of blocks.
      heads: of the attention.
      expansion: hidden channels of a perceptron, in multiples of the width.
      layer_scale: initial factor of each part of a block.
      mean: of the images, for standardisation.
      std: of the images.
      rngs: initialises everything.

    Raises:
      UserError: strides that do not divide their map, or whose number of halvings does
        not divide the width; heads that do not divide the width.

    References:
      A. El-Nouby et al., XCiT: Cross-Covariance Image Transformers, NeurIPS 2021,
      arXiv:2106.09681. H. Michaeli, D. Soudry, Alias-Free ViT, NeurIPS 2025,
      arXiv:2510.22673.
    """
    border: Padding = "zero" if padding == "valid" else padding
    stages = embedding(
        shape,
        width,
        strides,
        downsample=downsample,
        activation=activation,
        padding=border,
        rngs=rngs,
    )
    size = shape
    for stage in stages:
        size = output_shape(stage, size)
    block = partial(
        Block,
        layer_scale=layer_scale,
        padding=border,
        norm=norm,
        activation=activation,
        rngs=rngs,
    )
    stages += [position(size, rngs=rngs)]
    stages += [block(width, heads, expansion * width) for _ in range(depth)]
    stages += [] if last_norm is None else [last_norm(width, rngs=rngs)]
    readout = partial(head, classes=classes)
    return Network(shape, stages, readout, mean=mean, std=std, rngs=rngs)


def embedding(
    shape: Shape,
    width: int,
    strides: Sequence[Size],
    *,
    downsample: Callable[..., Downsample],
    activation: Activation,
    padding: Padding,
    rngs: nnx.Rngs,
) -> list[Stage]:
    """Returns the stages that make patches; see `xcit`."""
    halvings = 2 ** (len(strides) - 1)
    if not strides or width % halvings:
        raise UserError(
            f"model.width={width}: widths double along model.strides={list(strides)}, "
            f"which takes at least one stride and a multiple of {int(halvings)}"
        )
    stages: list[Stage] = []
    inputs = shape[-1]
    size = shape
    for index, one in enumerate(strides):
        stride = pair(one, "model.strides")
        check_division(size, stride)
        size = (size[0] // stride[0], size[1] // stride[1], size[2])
        outputs = width * 2**index // halvings
        stages += convolve_and_activate(
            inputs, outputs, activation=activation, padding=padding, rngs=rngs
        )
        stages.append(downsample(outputs, stride=stride, rngs=rngs))
        inputs = outputs
    return stages


def convolve_and_activate(
    inputs: int,
    outputs: int,
    *,
    activation: Activation,
    padding: Padding,
    rngs: nnx.Rngs,
) -> list[Stage]:
    """Returns a 3×3 convolution, batch norm and an activation, as one stage or as two.

    A function is pointwise, and fuses with a decimation behind it. A module may see the
    whole map, which only a stage of its own does.
    """
    conv = partial(
        ConvNormAct, inputs, outputs, norm=BatchNorm, padding=padding, rngs=rngs
    )
    act = activation(outputs, rngs=rngs)
    if isinstance(act, nnx.Module):
        return [conv(act=linear), Activate(act)]
    return [conv(act=act)]
