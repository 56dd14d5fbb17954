"""A network is a chain of stages and a readout.

A **stage** maps (B, H, W, C) to (B, H/s, W/s, C') and states its stride s; under
circular padding it commutes with shifts by multiples of s. A **readout** maps the last
map to logits, or to maps of them. The forward pass, the features of each stage, the
exhaustive orbit over shifts, feature scrambling, location probes and receptive fields
all walk this one chain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import prod
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from research.downsample import Downsample
from research.errors import UserError
from research.nn.layers import Conv, ConvNormAct
from research.types import Images, LogitMaps, Logits, Map, Shape, Stride


@runtime_checkable
class Stage(Protocol):
    """One step of the chain, an NNX module."""

    stride: Stride

    def __call__(self, x: Map, /) -> Map:
        """(B, H, W, C) → (B, H/s_h, W/s_w, C')."""
        ...


Readout = Callable[[Map], Logits | LogitMaps]


class Network(nnx.Module):
    """Stages, then a readout; images in [0, 1] go in, logits come out.

    Args:
      shape: (height, width, channels) of an image, which sizes the readout.
      stages: the chain, in order.
      readout: factory `readout(map_shape, *, rngs)` with the (H, W, C) of the last map.
      mean: subtracted from the images, a value or one for each channel.
      std: divides the difference.
      rngs: initialises the readout.

    Raises:
      UserError: an image of this shape does not pass through the stages; the error
        names the stage and the sizes. Or `mean` or `std` does not fit the channels.
    """

    def __init__(
        self,
        shape: Shape,
        stages: Sequence[Stage],
        readout: Callable[..., Readout],
        *,
        mean: float | Sequence[float] = 0.0,
        std: float | Sequence[float] = 1.0,
        rngs: nnx.Rngs,
    ):
        self.stages = nnx.List(stages)
        self.mean = per_channel(mean, shape[-1], "data.mean")
        self.std = per_channel(std, shape[-1], "data.std")
        self.readout = readout(self.map_shapes(shape)[-1], rngs=rngs)

    def __call__(self, images: Images) -> Logits | LogitMaps:
        """Returns the logits; a decimation fuses into the convolution before it."""
        x = self.standardize(images)
        for stage, downsample in fuse(self.stages):
            x = stage(x) if downsample is None else downsample.after(stage, x)
        return self.readout(x).astype(jnp.float32)

    def initialize_from(self, images: Images) -> None:
        """Gives the stages that begin with what they find in data the maps they get.

        There must be one, see `find_initialized`.

        Args:
          images: of the training split, in [0, 1].
        """
        x, last = self.standardize(images), max(find_initialized(self.stages))
        for index, stage in enumerate(self.stages[: last + 1]):
            if isinstance(stage, Initialized):
                stage.initialize_from(x)
            x = stage(x) if index < last else x

    def features(self, images: Images) -> Iterator[Map]:
        """Yields the map after each stage."""
        x = self.standardize(images)
        for stage in self.stages:
            x = stage(x)
            yield x

    def standardize(self, images: Images) -> Map:
        """Returns (images − mean) / std, what the first stage sees."""
        return (images - jnp.array(self.mean)) / jnp.array(self.std)

    @property
    def stride(self) -> Stride:
        """The product of the stages' strides, for height and width."""
        return (
            prod(stage.stride[0] for stage in self.stages),
            prod(stage.stride[1] for stage in self.stages),
        )

    def map_shapes(self, shape: Shape) -> list[Shape]:
        """Returns the (H, W, C) of the input and of the map after each stage."""
        shapes = [shape]
        for index, stage in enumerate(self.stages):
            try:
                shapes.append(output_shape(stage, shapes[-1]))
            except UserError as error:
                place = f"stage {index} of {len(self.stages)}"
                raise UserError(f"{place}: {error}") from None
        return shapes


@runtime_checkable
class Initialized(Protocol):
    """A stage whose state begins with what it finds in training images."""

    def initialize_from(self, x: Map) -> None:
        """Takes it from the maps that enter the stage."""
        ...


def find_initialized(stages: Iterable[Stage]) -> list[int]:
    """Returns which of some stages are `Initialized`."""
    return [i for i, stage in enumerate(stages) if isinstance(stage, Initialized)]


def per_channel(
    value: float | Sequence[float], channels: int, key: str
) -> tuple[float, ...]:
    """Returns one value for all channels, or one for each.

    Raises:
      UserError: there are others.
    """
    values = tuple(np.atleast_1d(value).tolist())
    if len(values) not in {1, channels}:
        raise UserError(
            f"{key}={list(values)}: images of {channels} channels take one value, or "
            f"{channels}: set {key}"
        )
    return values


def pair_depths(widths: Sequence[int], depths: Sequence[int]) -> list[tuple[int, int]]:
    """Returns (width, depth) of each group of layers.

    Raises:
      UserError: there are not as many of both.
    """
    if len(widths) != len(depths):
        raise UserError(
            f"model.depths={list(depths)}: takes as many as there are "
            f"model.widths={list(widths)}: {len(widths)}"
        )
    return list(zip(widths, depths, strict=True))


def output_shape(stage: Stage, shape: Shape) -> Shape:
    """Returns the (H, W, C) that a stage makes of a map, computing nothing."""
    graph, state = nnx.split(stage)
    x = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
    y = jax.eval_shape(lambda s, x: nnx.merge(graph, s)(x), state, x)
    _, height, width, channels = y.shape
    return height, width, channels


def fuse(
    stages: Iterable[Stage],
) -> Iterator[tuple[Stage, Downsample | None]]:
    """Yields each stage with the downsampler behind it that fuses into it, or None.

    A dense stage can be evaluated at some positions only, and `Downsample.after` asks
    it for no more than are kept.
    """
    waiting = list(stages)
    while waiting:
        stage = waiting.pop(0)
        behind = waiting[0] if waiting else None
        if isinstance(stage, Conv | ConvNormAct) and isinstance(behind, Downsample):
            del waiting[0]
            yield stage, behind
        else:
            yield stage, None
