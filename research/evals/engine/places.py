"""Where the maps of a network are: after each stage, and inside its levels."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from research.models.level import Part, stage_maps, stage_parts
from research.models.network import Network, Stage
from research.types import Shape, Stride


class Place(NamedTuple):
    """Where a map is.

    Attributes:
      stage: index of the stage of the chain that holds it.
      part: what makes it, which for all but levels is the stage.
      stride: cumulative, from the image on.
    """

    stage: int
    part: Part
    stride: Stride

    @property
    def name(self) -> str:
        """The class of the part."""
        return type(self.part).__name__


def find_places(network: Network) -> list[Place]:
    """Returns the places of all maps, in the order in which they are computed."""
    rows, columns, places = 1, 1, []
    for index, stage in enumerate(network.stages):
        for part, (down, right) in stage_parts(stage):
            places.append(Place(index, part, (rows * down, columns * right)))
        rows, columns = rows * stage.stride[0], columns * stage.stride[1]
    return places


def place_shapes(network: Network, shape: Shape) -> list[Shape]:
    """Returns the (H, W, C) of the image and of the map at each place.

    Args:
      network: of ours.
      shape: of an image.

    Raises:
      UserError: as `Network.map_shapes`.
    """
    before = network.map_shapes(shape)[:-1]
    pairs = zip(network.stages, before, strict=True)
    return [shape, *(one for stage, at in pairs for one in stage_shapes(stage, at))]


def stage_shapes(stage: Stage, shape: Shape) -> list[Shape]:
    """Returns the (H, W, C) of each map that a stage makes, computing nothing.

    Args:
      stage: of any kind.
      shape: (H, W, C) of its input.
    """
    graph, state = nnx.split(stage)
    x = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
    maps = jax.eval_shape(lambda s, x: stage_maps(nnx.merge(graph, s), x), state, x)
    return [(y.shape[1], y.shape[2], y.shape[3]) for y in maps]
