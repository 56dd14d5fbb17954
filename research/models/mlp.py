"""The controls: networks without weight sharing, with and without locality."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import jax.numpy as jnp
from flax import nnx

from research.downsample import Downsample
from research.errors import UserError
from research.models.network import Network, Readout, output_shape
from research.models.stages import permute_first
from research.nn.activation import Activation, relu
from research.nn.layers import Undecayed
from research.nn.norm import Norm
from research.nn.signal import pad
from research.nn.windows import slide
from research.types import Counts, Map, Natural, Padding, Seed, Shape, Stride

# Each position is a layer of its own: its fans are those of one convolution.
glorot_per_position = nnx.initializers.glorot_uniform(batch_axis=(0, 1))


def mlp(
    shape: Shape,
    classes: int,
    *,
    downsample: Callable[..., Downsample],
    head: Callable[..., Readout],
    padding: Padding = "zero",
    permutation: Seed | None = None,
    mean: float | Sequence[float] = 0.0,
    std: float | Sequence[float] = 1.0,
    rngs: nnx.Rngs,
) -> Network:
    """Dense layers on the flattened pixels: what convolution and pooling save.

    With one hidden layer of 512 units 407,050 parameters on 28×28×1 images and ten
    classes. All of it is the head; nothing here convolves, pads or downsamples.

    Args:
      shape: (height, width, channels) of an image.
      classes: number of logits.
      downsample: unused.
      head: factory `head(map_shape, classes, *, rngs)`; flattens, and has the layers.
      padding: unused.
      permutation: seed of a fixed permutation of the pixels; None for none.
      mean: of the images, for standardisation.
      std: of the images.
      rngs: initialises everything.

    References:
      F. Chollet, Deep Learning with Python, Manning 2017, listing 2.2.
    """
    del downsample, padding
    readout = partial(head, classes=classes)
    stages = permute_first(permutation)
    return Network(shape, stages, readout, mean=mean, std=std, rngs=rngs)


class LocallyConnected(nnx.Module):
    """A k×k convolution with weights of its own at every position, norm, activation.

    (B, H, W, C) → (B, H', W', C'), H' = H or, under `valid`, H − k + 1. Parameters:
    H'·W'·(k²·C + 1)·C'.

    Args:
      shape: (H, W, C) of the map, the only size it takes.
      outputs: C'.
      window: k.
      padding: border mode.
      activation: factory of the activation.
      norm: factory of the norm, or None.
      rngs: draws the kernels (Glorot uniform, the fans of one convolution).
    """

    stride: Stride = (1, 1)

    def __init__(
        self,
        shape: Shape,
        outputs: int,
        window: int = 3,
        *,
        padding: Padding = "zero",
        activation: Activation = relu,
        norm: Norm | None = None,
        rngs: nnx.Rngs,
    ):
        self.shape = shape
        self.window = window
        self.padding = padding
        lost = window - 1 if padding == "valid" else 0
        places = (shape[0] - lost, shape[1] - lost)
        if min(places) < 1:
            raise UserError(
                f"locally connected layer: a {window}×{window} window does not fit a "
                f"{shape[0]}×{shape[1]} map; use fewer model.widths, model.poolings=0 "
                "or model.padding=zero|circular"
            )
        kernel = (*places, window, window, shape[2], outputs)
        self.kernel = nnx.Param(glorot_per_position(rngs.params(), kernel))
        self.bias = Undecayed(jnp.zeros((*places, outputs)))
        self.norm = None if norm is None else norm(outputs, rngs=rngs)
        self.act = activation(outputs, rngs=rngs)

    def __call__(self, x: Map) -> Map:
        """Returns act(norm(Σ own kernel · patch + own bias))."""
        if x.shape[1:] != self.shape:
            raise UserError(
                f"locally connected layer: made for a map of {self.shape}, got "
                f"{x.shape[1:]}; build the network with data.shape of these images"
            )
        kernel = self.kernel[...]
        rows, columns, *_, outputs = kernel.shape
        x = pad(x.astype(kernel.dtype), self.window, self.padding, name="local")
        patches = [
            patch
            for band in slide(x, self.window, 1, axis=1)
            for patch in slide(band, self.window, 1, axis=2)
        ]
        y = jnp.einsum(
            "bhwi,hwio->bhwo",
            jnp.concatenate(patches, axis=-1),
            kernel.reshape(rows, columns, -1, outputs),
        )
        y = y + self.bias[...]
        return self.act(y if self.norm is None else self.norm(y))


def local(
    shape: Shape,
    classes: int,
    *,
    downsample: Callable[..., Downsample],
    head: Callable[..., Readout],
    padding: Padding = "valid",
    widths: Counts = (32, 64, 64),
    poolings: Natural = 2,
    permutation: Seed | None = None,
    activation: Activation = relu,
    norm: Norm | None = None,
    mean: float | Sequence[float] = 0.0,
    std: float | Sequence[float] = 1.0,
    rngs: nnx.Rngs,
) -> Network:
    """`chollet` with locally connected layers: locality without weight sharing.

    Args:
      shape: (height, width, channels) of an image.
      classes: number of logits.
      downsample: factory `downsample(features, *, rngs)`.
      head: factory `head(map_shape, classes, *, rngs)`.
      padding: border mode of the layers.
      widths: channels of each layer.
      poolings: how many of the layers are followed by a downsampler, from the first.
      permutation: seed of a fixed permutation of the pixels; None for none.
      activation: factory of the activations, `activation(features, *, rngs)`.
      norm: factory of the norms, `norm(features, *, rngs)`, or None.
      mean: of the images, for standardisation.
      std: of the images.
      rngs: initialises everything.
    """
    stages = permute_first(permutation)
    size = shape
    layer = partial(LocallyConnected, activation=activation, norm=norm, padding=padding)
    for index, width in enumerate(widths):
        stages.append(layer(size, width, rngs=rngs))
        size = output_shape(stages[-1], size)
        if index < poolings:
            stages.append(downsample(width, rngs=rngs))
            size = output_shape(stages[-1], size)
    readout = partial(head, classes=classes)
    return Network(shape, stages, readout, mean=mean, std=std, rngs=rngs)
