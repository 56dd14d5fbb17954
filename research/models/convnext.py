"""ConvNeXt, and by its parts the alias-free convolutional network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import jax.numpy as jnp
from flax import nnx

from research.downsample import Downsample
from research.errors import UserError
from research.models.network import Network, Readout, Stage, pair_depths
from research.nn.activation import Activation, gelu
from research.nn.depthwise import Depthwise
from research.nn.layers import Conv, Undecayed
from research.nn.norm import LayerNorm, Norm
from research.nn.perceptron import Perceptron
from research.nn.signal import at_least_one
from research.types import Count, Counts, Map, Padding, Positive, Shape, Stride


class Block(nnx.Module):
    """x + γ_c·perceptron(norm(depthwise(x))): (B, H, W, C) → (B, H, W, C).

    Args:
      width: C.
      window: of the depthwise convolution.
      expansion: hidden channels of the perceptron, in multiples of C.
      layer_scale: initial γ of every channel.
      padding: border mode.
      activation: factory of the activation.
      norm: factory of the norm, or None.
      rngs: initialises everything.
    """

    stride: Stride = (1, 1)

    def __init__(
        self,
        width: int,
        *,
        window: int,
        expansion: int,
        layer_scale: Positive,
        padding: Padding,
        activation: Activation,
        norm: Norm | None,
        rngs: nnx.Rngs,
    ):
        self.mix = Depthwise(width, window, padding=padding, rngs=rngs)
        self.norm = None if norm is None else norm(width, rngs=rngs)
        hidden = expansion * width
        self.perceptron = Perceptron(width, hidden, activation=activation, rngs=rngs)
        self.scale = Undecayed(jnp.full(width, float(layer_scale)))

    def __call__(self, x: Map) -> Map:
        """Returns the block's map."""
        y = self.mix(x)
        y = self.perceptron(y if self.norm is None else self.norm(y))
        return x + self.scale[...] * y


def convnext(
    shape: Shape,
    classes: int,
    *,
    downsample: Callable[..., Downsample],
    head: Callable[..., Readout],
    activation: Activation = gelu,
    norm: Norm | None = LayerNorm,
    padding: Padding = "valid",
    patch: Count = 4,
    widths: Counts = (96, 192, 384, 768),
    depths: Counts = (3, 3, 9, 3),
    window: Count = 7,
    expansion: Count = 4,
    layer_scale: Positive = 1e-6,
    mean: float | Sequence[float] = 0.0,
    std: float | Sequence[float] = 1.0,
    rngs: nnx.Rngs,
) -> Network:
    """Patches, then groups of residual blocks, each half as fine as the one before.

    The patches, and the 2×2 convolutions between groups, are dense convolutions with a
    downsampler behind. Decimated, under `valid` padding, they are the disjoint patches
    of ConvNeXt: the default is ConvNeXt-T, of 28,589,128 parameters with a thousand
    classes; its last norm comes before the pooling here, so that any head fits.

    With circular padding, `downsample=ideal`, the activation `AliasFree` and the norm
    `CHW2` it is the alias-free network of Michaeli: every part commutes with shifts by
    any fraction of a pixel up to its stride, so with global average pooling the logits
    do not depend on them. **The Nyquist bin** of an image of even size does not spoil
    that, because only linear parts come before the first ideal lowpass, which takes it
    away; a network that activates before it downsamples would be spoilt.

    Args:
      shape: (height, width, channels) of an image.
      classes: number of logits.
      downsample: factory `downsample(features, *, rngs, stride)`: of stride `patch`
        behind the stem, and 2 between groups, whatever `downsample.stride` says.
      head: factory `head(map_shape, classes, *, rngs)`.
      activation: factory of the activation, one in each block.
      norm: factory of the norm: of each block, behind the stem, before each 2×2
        convolution and at the end; or None.
      padding: border mode; under `valid` patches see no border, and the depthwise
        convolutions keep the size with zeros all the same.
      patch: window and stride of the stem.
      widths: channels of each group.
      depths: blocks of each group.
      window: of the depthwise convolutions.
      expansion: hidden channels of a block, in multiples of its width.
      layer_scale: initial factor of each block's branch.
      mean: of the images, for standardisation.
      std: of the images.
      rngs: initialises everything (He normal, dense layers Glorot uniform).

    Raises:
      UserError: other numbers of widths and of depths.

    References:
      Z. Liu et al., A ConvNet for the 2020s, CVPR 2022, arXiv:2201.03545. H. Michaeli,
      T. Michaeli, D. Soudry, Alias-Free Convnets, CVPR 2023, arXiv:2303.08085.
    """
    at_least_one(patch, "model.patch")
    if len(widths) != len(depths):
        raise UserError(
            f"model.depths={list(depths)}: takes one number of blocks for each of "
            f"model.widths={list(widths)}"
        )

    def normalized(width: int) -> list[Stage]:
        return [] if norm is None else [norm(width, rngs=rngs)]

    dense = partial(Conv, padding=padding, rngs=rngs)
    block = partial(
        Block,
        window=window,
        expansion=expansion,
        layer_scale=layer_scale,
        padding="zero" if padding == "valid" else padding,
        activation=activation,
        norm=norm,
        rngs=rngs,
    )
    stages: list[Stage] = []
    inputs = shape[-1]
    for group, (width, depth) in enumerate(pair_depths(widths, depths)):
        factor = patch if group == 0 else 2
        convolved: list[Stage] = [
            dense(inputs, width, factor),
            downsample(width, stride=factor, rngs=rngs),
        ]
        if group == 0:
            stages += [*convolved, *normalized(width)]
        else:
            stages += [*normalized(inputs), *convolved]
        stages += [block(width) for _ in range(depth)]
        inputs = width
    stages += normalized(inputs)
    readout = partial(head, classes=classes)
    return Network(shape, stages, readout, mean=mean, std=std, rngs=rngs)
