"""A level of a network that goes down and up again: one stage around a chain.

The stages below a level see a coarser map. Seen from outside a level has stride 1, so a
network of levels is a chain like any other, and what walks chains walks it; the traces
of the downsamplers and the maps of the skips never leave their level.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import lcm

import jax.numpy as jnp
from flax import nnx

from research.downsample import Downsample
from research.downsample.upsample import Upsample
from research.models.network import Stage
from research.nn.layers import Conv
from research.types import Map, Stride

Merge = Callable[[Map, Map], Map]  # (skip, map from below) → map
Part = Stage | Downsample | Upsample


class Level(nnx.Module):
    """down → stages → up, by the trace of the downsampler; then the skip, if any.

    (B, H, W, C) → (B, H, W, C'). The skip is the map before downsampling, which is in
    the frame of the result whatever phase was kept. If down and up together commute
    with all shifts, and the stages with shifts of their maps, the level does.

    Args:
      down: the downsampler.
      stages: what lies below, which keeps the size of its map.
      up: an upsampler for `down`.
      merge: of the skip and what comes up; None: no skip.
    """

    stride: Stride = (1, 1)

    def __init__(
        self,
        down: Downsample,
        stages: Sequence[Stage],
        up: Upsample,
        merge: Merge | None = None,
    ):
        self.down = down
        self.stages = nnx.List(stages)
        self.up = up
        self.merge = merge

    def __call__(self, x: Map) -> Map:
        """Returns what comes up, merged with `x` if there is a skip."""
        y, trace = self.down.trace(x)
        for stage in self.stages:
            y = stage(y)
        y = self.up(y, trace)
        return y if self.merge is None else self.merge(x, y)

    @property
    def period(self) -> Stride:
        """The shifts by which a level of strides alone commutes: their product."""
        periods = [stage_period(stage) for stage in self.stages]
        rows, columns = self.down.stride
        return (
            rows * lcm(*(period[0] for period in periods)),
            columns * lcm(*(period[1] for period in periods)),
        )

    def features(self, x: Map) -> Iterator[tuple[Map, Stride]]:
        """Yields each map inside, from the top to the bottom and up again.

        Yields:
          the map after downsampling, after each stage below (and within those that are
          levels), and after upsampling and the skip, each with its cumulative stride.
        """
        y, trace = self.down.trace(x)
        rows, columns = self.down.stride
        yield y, (rows, columns)
        for stage in self.stages:
            if isinstance(stage, Level):
                for inner, (down, right) in stage.features(y):
                    y = inner
                    yield y, (rows * down, columns * right)
            else:
                y = stage(y)
                yield y, (rows, columns)
        y = self.up(y, trace)
        yield (y if self.merge is None else self.merge(x, y)), (1, 1)

    def parts(self) -> Iterator[tuple[Part, Stride]]:
        """Yields what makes each map of `features`, with the map's stride.

        The last one is the upsampler, which the skip follows.
        """
        rows, columns = self.down.stride
        yield self.down, (rows, columns)
        for stage in self.stages:
            for part, (down, right) in stage_parts(stage):
                yield part, (rows * down, columns * right)
        yield self.up, (1, 1)


def stage_period(stage: Stage) -> Stride:
    """Returns the shifts by which a stage of strides commutes, if its borders wrap."""
    return stage.period if isinstance(stage, Level) else stage.stride


def stage_parts(stage: Stage) -> Iterator[tuple[Part, Stride]]:
    """Yields the parts of a level, or a stage itself, with their maps' strides."""
    if isinstance(stage, Level):
        yield from stage.parts()
    else:
        yield stage, stage.stride


def stage_maps(stage: Stage, x: Map) -> list[Map]:
    """Returns the map that each of the `stage_parts` makes, the stage's own last."""
    if isinstance(stage, Level):
        return [y for y, _ in stage.features(x)]
    return [stage(x)]


def concatenate(skip: Map, x: Map) -> Map:
    """Stacks the channels of a skip before those of the map from below."""
    return jnp.concatenate([skip.astype(x.dtype), x], -1)


class AddScores(nnx.Module):
    """Adds the scores of a skip, by a 1×1 convolution, to those from below.

    Args:
      inputs: channels of the skip.
      classes: of the scores.
      rngs: initialises the convolution.
    """

    def __init__(self, inputs: int, classes: int, *, rngs: nnx.Rngs):
        self.conv = Conv(inputs, classes, 1, rngs=rngs)

    def __call__(self, skip: Map, x: Map) -> Map:
        """Returns conv(skip) + x."""
        return self.conv(skip) + x
