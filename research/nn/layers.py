"""The layers that every network is made of: one convolution, one norm, one dense layer.

All compute in the dtype of their parameters, so that mixed precision is a cast of the
parameters and nothing else; batch statistics stay in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from research.nn.convolution import convolve, convolve_dilated
from research.nn.epsilon import epsilon
from research.nn.signal import Size, pad_for_convolution, pair, widen
from research.types import Fraction, Map, Padding, Positive, Stride

Initializer = Callable[..., Array]


class Undecayed(nnx.Param):
    """A parameter that takes no weight decay, whatever its shape."""


class Frozen(nnx.Variable):
    """What is a part of a network's state and is not trained."""


class Early(nnx.Param):
    """A parameter that an optimiser may stop training after the first epochs."""


def count_parameters(module: Callable[..., Any]) -> int:
    """Returns how many trainable numbers a module has; batch statistics are none.

    Args:
      module: as it is, or of shapes alone (`nnx.eval_shape`).
    """
    return sum(leaf.size for leaf in jax.tree.leaves(nnx.state(module, nnx.Param)))


he_normal = nnx.initializers.he_normal()
glorot_uniform = nnx.initializers.glorot_uniform()  # the default of Keras


class Conv(nnx.Module):
    """A dense part: k×k convolution with explicit padding.

    (B, H, W, C_in) → (B, ⌈H/s⌉, ⌈W/s⌉, C_out), or ⌊(H−k)/s⌋+1 rows under `valid`.

    Args:
      inputs: C_in.
      outputs: C_out.
      window: k, or (k_h, k_w).
      padding: `valid`, `zero`, `reflect` or `circular`.
      dilation: d from one weight to the next, pixels, or (d_h, d_w); the window spans
        (k−1)·d+1.
      bias: whether to add one value per output channel.
      init: initialiser of the kernel.
      param: kind of the parameters: `Undecayed` ones take no weight decay.
      rngs: draws the kernel.
    """

    stride: Stride = (1, 1)

    def __init__(
        self,
        inputs: int,
        outputs: int,
        window: Size = 3,
        *,
        padding: Padding = "zero",
        dilation: Size = 1,
        bias: bool = True,
        init: Initializer = he_normal,
        param: type[nnx.Param] = nnx.Param,
        rngs: nnx.Rngs,
    ):
        rows, columns = pair(window)
        down, across = self.dilation = pair(dilation)
        self.window = ((rows - 1) * down + 1, (columns - 1) * across + 1)
        self.padding = padding
        self.kernel = param(init(rngs.params(), (rows, columns, inputs, outputs)))
        self.bias = param(jnp.zeros(outputs)) if bias else None

    def __call__(self, x: Map, stride: Stride = (1, 1)) -> Map:
        """Returns the convolution at the kept positions."""
        kernel = self.kernel[...]
        x = x.astype(kernel.dtype)
        x, edges = pad_for_convolution(x, self.window, self.padding, name="convolution")
        if self.dilation == (1, 1):
            y = convolve(x, kernel, stride, edges)
        else:
            y = convolve_dilated(x, kernel, stride, edges, self.dilation)
        return y if self.bias is None else y + self.bias[...]


class Dense(nnx.Module):
    """x·W + b over the last axis: (…, inputs) → (…, outputs)."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        bias: bool = True,
        init: Initializer = glorot_uniform,
        rngs: nnx.Rngs,
    ):
        self.kernel = nnx.Param(init(rngs.params(), (inputs, outputs)))
        self.bias = nnx.Param(jnp.zeros(outputs)) if bias else None

    def __call__(
        self, x: Float[Array, "*batch inputs"]
    ) -> Float[Array, "*batch outputs"]:
        """Returns x·W + b."""
        kernel = self.kernel[...]
        y = x.astype(kernel.dtype) @ kernel
        return y if self.bias is None else y + self.bias[...]


class BatchNorm(nnx.Module):
    """Batch normalisation over all axes but channels, with statistics in float32.

    Over a sharded batch the statistics are those of the whole batch. The result has the
    dtype of the input.

    It is a gain and an offset for each channel, both functions of two means: so the
    backward pass reads the map twice, for two sums and for the result, as the forward
    pass does. As a stage it has stride 1.

    Args:
      features: channels.
      scaled: whether a gain is trained for each channel.
      momentum: of the running averages; 1 − momentum in PyTorch's terms.
      epsilon: added to the variance, or what float16 takes (`research.nn.epsilon`).
      unbiased: whether the running variance is over n − 1, as in PyTorch.
      rngs: draws nothing, but advances as for `nnx.BatchNorm`, whose names of
        parameters these are: seeds and checkpoints mean the same networks.
    """

    stride: Stride = (1, 1)

    def __init__(
        self,
        features: int,
        *,
        scaled: bool = True,
        momentum: Fraction = 0.9,
        epsilon: Positive = 1e-5,
        unbiased: bool = False,
        rngs: nnx.Rngs,
    ):
        self.momentum, self.epsilon, self.unbiased = momentum, epsilon, unbiased
        ones, zeros = nnx.initializers.ones, nnx.initializers.zeros
        kind: type[nnx.Variable] = nnx.Param if scaled else Frozen
        self.scale = kind(ones(rngs.params(), (features,)))
        self.bias = nnx.Param(zeros(rngs.params(), (features,)))
        self.mean = nnx.BatchStat(jnp.zeros(features))
        self.var = nnx.BatchStat(jnp.ones(features))
        self.use_running_average = False  # `Module.eval()` and `.train()` set it

    def __call__(
        self, x: Float[Array, "*places channels"]
    ) -> Float[Array, "*places channels"]:
        """Returns the normalised map."""
        wide = widen(x)
        mean, variance = widen(self.mean[...]), widen(self.var[...])
        if not self.use_running_average:
            axes = tuple(range(x.ndim - 1))
            mean = wide.mean(axes)
            variance = jnp.maximum(0, (wide**2).mean(axes) - mean**2)
            count = wide.size // wide.shape[-1]
            spread = count / max(1, count - 1) if self.unbiased else 1
            self.update_average(self.mean, mean)
            self.update_average(self.var, spread * variance)
        least = epsilon(self.epsilon, x.dtype)
        gain = self.scale[...] * jax.lax.rsqrt(variance + least)
        return (wide * gain + (self.bias[...] - mean * gain)).astype(x.dtype)

    def update_average(self, average: nnx.BatchStat, value: Array) -> None:
        """Moves a running average towards the value of this batch."""
        value = jax.lax.stop_gradient(value)
        average[...] = self.momentum * average[...] + (1 - self.momentum) * value


class ConvNormAct(nnx.Module):
    """A dense part: convolution → norm (if any) → activation.

    Args:
      inputs: C_in.
      outputs: C_out.
      window: k of the convolution, or (k_h, k_w).
      norm: factory `norm(features, *, rngs)`, or None; with a norm the convolution has
        no bias.
      act: activation of a map, as `research.nn.activation` makes them.
      padding: border mode.
      dilation: of the convolution.
      init: initialiser of the kernel.
      rngs: draws the kernel.
    """

    stride: Stride = (1, 1)

    def __init__(
        self,
        inputs: int,
        outputs: int,
        window: Size = 3,
        *,
        norm: Callable[..., nnx.Module] | None = None,
        act: Callable[[Array], Array] = jax.nn.relu,
        padding: Padding = "zero",
        dilation: Size = 1,
        init: Initializer = he_normal,
        rngs: nnx.Rngs,
    ):
        self.conv = Conv(
            inputs,
            outputs,
            window,
            padding=padding,
            dilation=dilation,
            bias=norm is None,
            init=init,
            rngs=rngs,
        )
        self.norm = None if norm is None else norm(outputs, rngs=rngs)
        self.act = act

    def __call__(self, x: Map, stride: Stride = (1, 1)) -> Map:
        """Returns act(norm(conv(x))) at the kept positions."""
        y = self.conv(x, stride)
        return self.act(y if self.norm is None else self.norm(y))


class NormAct(nnx.Module):
    """norm → activation, of maps that a downsampler has made smaller before.

    Args:
      features: channels.
      norm: factory `norm(features, *, rngs)`, or None.
      act: activation of a map.
      rngs: initialises the norm.
    """

    stride: Stride = (1, 1)

    def __init__(
        self,
        features: int,
        *,
        norm: Callable[..., Callable[[Map], Map]] | None,
        act: Callable[[Array], Array] = jax.nn.relu,
        rngs: nnx.Rngs,
    ):
        self.norm = None if norm is None else norm(features, rngs=rngs)
        self.act = act

    def __call__(self, x: Map) -> Map:
        """Returns act(norm(x)), (B, H, W, C) → (B, H, W, C)."""
        return self.act(x if self.norm is None else self.norm(x))
