"""Where adaptive samplers are exact: their phases follow shifts of maps that they tile.

A map whose sides the stride does not divide is continued circularly, and a shift then
does not permute its phases.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from research.downsample import Downsample
from research.evals.engine.modules import in_inference
from research.evals.engine.watching import find_downsamplers, watch_downsamplers
from research.models.network import Network
from research.types import Map, Shape, Stride


class Sampled(NamedTuple):
    """A map that an adaptive sampler gets.

    Attributes:
      size: (H, W).
      stride: of the sampler.
    """

    size: tuple[int, int]
    stride: Stride

    @property
    def tiled(self) -> bool:
        """Whether the stride divides the map."""
        return all(n % s == 0 for n, s in zip(self.size, self.stride, strict=True))


def sampled_maps(predict: Callable[..., Any], shape: Shape) -> list[Sampled]:
    """Returns the maps that adaptive samplers get, in order; computes nothing.

    Args:
      predict: any classifier; only a module has some.
      shape: (H, W, C) of an image.
    """
    if not isinstance(predict, nnx.Module):
        return []
    module = in_inference(predict)
    found: list[Sampled] = []

    def watch(place: str, part: Downsample, x: Map) -> None:
        if part.sample.follows:
            _, height, width, _ = part.reduce(x).shape
            found.append(Sampled((height, width), part.stride))

    if any(part.sample.follows for *_, part in find_downsamplers(module)):
        watch_downsamplers(module, watch)
        graph, state = nnx.split(module)
        images = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
        jax.eval_shape(lambda state, x: nnx.merge(graph, state)(x), state, images)
    return found


def describe_undivided(network: nnx.Module, shape: Shape) -> str:
    """Returns a line on the maps whose phases do not follow shifts; empty for none.

    Args:
      network: whose borders wrap around.
      shape: (H, W, C) of an image.
    """
    maps = sampled_maps(network, shape)
    undivided = [one for one in maps if not one.tiled]
    if not undivided:
        return ""
    (height, width), (rows, columns) = undivided[0]
    line = (
        f"note: adaptive phases are exact where the stride divides the map, which "
        f"{len(undivided)} of {len(maps)} here does not, first {height}×{width} by "
        f"{rows}×{columns}: circular shifts change answers in spite of circular padding"
    )
    if isinstance(network, Network) and (step := network.stride) != (1, 1):
        line += f"; image sides that are multiples of {step[0]}×{step[1]} would do"
    return line
