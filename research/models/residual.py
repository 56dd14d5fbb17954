"""Residual blocks: the basic one and the bottleneck, and their shortcuts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx

from research.downsample import Downsample
from research.errors import UserError
from research.nn.activation import Act, Activation, linear, relu
from research.nn.layers import BatchNorm, ConvNormAct
from research.nn.norm import Norm
from research.types import Map, Padding, Stride

Shortcut = Callable[[Map], Map]


class PadChannels(nnx.Module):
    """A shortcut without parameters: new channels are zero (option A of He 2016)."""

    def __init__(
        self, inputs: int, outputs: int, *, norm: Norm | None = None, rngs: nnx.Rngs
    ):
        del norm, rngs
        self.added = outputs - inputs
        if self.added < 0:
            raise UserError(
                f"model.widths: a group of {outputs} channels follows {inputs}, and "
                "zero channels cannot be taken away; let them grow, or set "
                "model/shortcut=project"
            )

    def __call__(self, x: Map) -> Map:
        """(B, H, W, inputs) → (B, H, W, outputs)."""
        return jnp.pad(x, ((0, 0), (0, 0), (0, 0), (0, self.added)))


class Project(ConvNormAct):
    """A shortcut by a normalised 1×1 convolution (option B of He 2016)."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        norm: Norm | None = BatchNorm,
        rngs: nnx.Rngs,
    ):
        super().__init__(inputs, outputs, 1, norm=norm, act=linear, rngs=rngs)


class Residual(nnx.Module):
    """act(after(downsample(dense(before(x)))) + shortcut(downsample'(x))).

    (B, H, W, C) → (B, ⌈H/s⌉, ⌈W/s⌉, C'). The shortcut is downsampled as the companion
    of the main branch: by the same filter, on the same phase. With decimation `dense`
    is a strided convolution, as published; with a blur this is Zhang's placement
    (convolution of stride 1, norm, relu, blur, convolution).

    Args:
      before: convolutions before `dense`.
      dense: the convolution that is downsampled.
      after: the last convolution, without activation.
      shortcut: maps the channels of `x` to those of the sum; None if they are equal.
      down: the downsampler, or None.
      act: activation of the sum.
    """

    def __init__(
        self,
        before: Sequence[ConvNormAct],
        dense: ConvNormAct,
        after: ConvNormAct,
        shortcut: Shortcut | None,
        down: Downsample | None,
        act: Act = jax.nn.relu,
    ):
        self.before = nnx.List(before)
        self.dense = dense
        self.after = after
        self.shortcut = shortcut
        self.down = down
        self.act = act
        self.stride: Stride = (1, 1) if down is None else down.stride

    def __call__(self, x: Map) -> Map:
        """Returns the block's map."""
        y, z = x, x
        for part in self.before:
            y = part(y)
        if self.down is None:
            y = self.dense(y)
        else:
            y, z = self.down.after(self.dense, y, z)
        z = z if self.shortcut is None else self.shortcut(z)
        return self.act(self.after(y) + z)


def basic(
    inputs: int,
    width: int,
    *,
    downsample: Callable[..., Downsample] | None,
    shortcut: Callable[..., Shortcut],
    padding: Padding,
    activation: Activation = relu,
    norm: Norm | None = BatchNorm,
    rngs: nnx.Rngs,
) -> Residual:
    """Two 3×3 convolutions; the first is downsampled."""
    conv = partial(ConvNormAct, norm=norm, padding=padding, rngs=rngs)
    return Residual(
        before=[],
        dense=conv(inputs, width, act=activation(width, rngs=rngs)),
        after=conv(width, width, act=linear),
        shortcut=None
        if inputs == width
        else shortcut(inputs, width, norm=norm, rngs=rngs),
        down=None if downsample is None else downsample(width, rngs=rngs),
        act=activation(width, rngs=rngs),
    )


def bottleneck(
    inputs: int,
    width: int,
    *,
    downsample: Callable[..., Downsample] | None,
    shortcut: Callable[..., Shortcut],
    padding: Padding,
    activation: Activation = relu,
    norm: Norm | None = BatchNorm,
    rngs: nnx.Rngs,
) -> Residual:
    """1×1, 3×3 and 1×1 convolutions to 4·width channels; the 3×3 is downsampled.

    The stride is PyTorch's place for it ("v1.5"), not that of He 2016 in the first 1×1.
    """
    conv = partial(ConvNormAct, norm=norm, padding=padding, rngs=rngs)
    outputs = 4 * width
    return Residual(
        before=[conv(inputs, width, 1, act=activation(width, rngs=rngs))],
        dense=conv(width, width, act=activation(width, rngs=rngs)),
        after=conv(width, outputs, 1, act=linear),
        shortcut=None
        if inputs == outputs
        else shortcut(inputs, outputs, norm=norm, rngs=rngs),
        down=None if downsample is None else downsample(width, rngs=rngs),
        act=activation(outputs, rngs=rngs),
    )
