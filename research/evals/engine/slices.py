"""The answers to all windows of larger images, sharing what the windows share.

Where no stage pads, what it makes of a window is a slice of what it makes of the whole
image: f(x[o : o + n]) = f(x)[o/s : o/s + n'] for a stage f of stride s, at offsets o
that s divides. The other offsets are those of the s × s images that begin at another
phase. So every stage runs at the resolution of the image, in total, however many
windows there are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from research.distributed import devices, hosts
from research.distributed.memory import share
from research.evals.engine.modules import apply, in_inference, take_apart
from research.evals.engine.predictor import require_numbers
from research.evals.engine.tolerance import current_tolerance
from research.evals.engine.window_phases import (
    Size,
    arrange,
    begin,
    phases,
    read_windows,
)
from research.models.network import Network, output_shape
from research.types import Images, Map, Shape, Stride

Answers = dict[str, np.ndarray]  # `logits` and `embedding`, (N, rows, columns, …)

TRIALS = 4  # images on which a stage is tried
ROOM = 2  # windows in each direction of the last map of a trial, beyond the first


@dataclass(frozen=True)
class Step:
    """A stage, taken apart.

    Attributes:
      graph: of the module in inference mode.
      state: of the module, on every device.
      stride: of the stage.
      shape: (height, width, channels) of a window on its input.
      seen: (height, width) of a window on its output.
    """

    graph: nnx.GraphDef
    state: Any
    stride: Stride
    shape: Shape
    seen: Size


@dataclass(frozen=True)
class Slices:
    """Answers to all windows of images, in closed form; see the module.

    Attributes:
      standardize: of the network.
      steps: its stages.
      readout: likewise, taken apart: graph and state.
      size: (height, width) of a window.
      memory: MiB of maps that a device may hold at once. It is asked for once: blocks
        of images are then of one size, for one compilation, and the same in every
        process.
    """

    standardize: Callable[[Images], Map]
    steps: Sequence[Step]
    readout: tuple[nnx.GraphDef, Any]
    size: Size
    memory: int

    @classmethod
    def of(cls, network: Network, shape: Shape) -> Slices | None:
        """Returns the closed form of a network, None if it has none.

        Each stage is tried on noise: padding, and samplers that choose a phase by all
        of a map, make its answer to a window another than the slice.

        Args:
          network: stages and a readout.
          shape: (height, width, channels) of a window.
        """
        mesh = devices.mesh()
        network = in_inference(network)
        across = network.stride
        size = (shape[0] + ROOM * across[0], shape[1] + ROOM * across[1], shape[2])
        noise = jax.random.uniform(jax.random.key(0), (TRIALS, *size), jnp.float32)
        x = network.standardize(noise)
        steps: list[Step] = []
        for stage in network.stages:
            graph, state = take_apart(stage, mesh)
            after = output_shape(stage, shape)
            step = Step(graph, state, stage.stride, shape, after[:2])
            y = apply(graph, state, x)
            if not slices_windows(step, x, y):
                return None
            steps.append(step)
            x, shape = y, after
        readout = take_apart(network.readout, mesh)
        if apply.eval_shape(*readout, x[:, : shape[0], : shape[1]]).ndim != 2:
            return None  # it answers at every pixel
        height, width = size[0] - ROOM * across[0], size[1] - ROOM * across[1]
        memory = hosts.agree_on(share(mesh) // 2**20)
        return cls(network.standardize, steps, readout, (height, width), memory)

    def __call__(
        self, images: Float[np.ndarray | Array, "examples height width channels"]
    ) -> Answers:
        """Returns the answers to each window of images in [0, 1].

        Returns:
          `logits` (N, R, Q, K) and `embedding` (N, R, Q, C), the mean over positions of
          the last map, of the windows whose first row is 0 … R − 1 and first column 0 …
          Q − 1, all that lie within an image.

        Raises:
          UserError: they are no numbers.
        """
        found: list[Answers] = []
        block = self.block(images.shape[1:])
        for start in range(0, len(images), block):
            found.append(hosts.shared(self._answers, images[start : start + block]))
        return jax.tree.map(lambda *parts: np.concatenate(parts), *found)

    def block(self, shape: Sequence[int]) -> int:
        """Returns how many images keep to the memory, at least one on each device."""
        largest = max([prod(shape), *self.values(shape)])
        each = max(1, self.memory * 2**20 // (3 * 4 * largest))
        return each * devices.mesh().size

    def values(self, shape: Sequence[int]) -> list[int]:
        """Returns the numbers in the maps of an image after each stage, and of slices.

        Args:
          shape: (height, width, channels) of the image.
        """
        room = shape[0] - self.size[0], shape[1] - self.size[1]
        counts, maps = [], 1
        for step, after in zip(self.steps, [*self.steps[1:], None], strict=True):
            taken, room = phases(room, step.stride)
            maps *= prod(taken)
            whole = [side + more for side, more in zip(step.seen, room, strict=True)]
            channels = step.shape[2] if after is None else after.shape[2]
            counts.append(maps * prod(whole) * channels)
            if after is None:
                windows = prod(more + 1 for more in room)
                counts.append(maps * windows * prod(step.seen) * channels)
        return counts

    def _answers(self, images: np.ndarray | Array) -> Answers:
        count, mesh = len(images), devices.mesh()
        size = -(-count // mesh.size) * mesh.size
        x = devices.shard(hosts.pad_rows(np.asarray(images), size), mesh)
        x = self.standardize(x)
        room = images.shape[1] - self.size[0], images.shape[2] - self.size[1]
        whole, taken = room, []
        for step in self.steps:
            own, left = phases(room, step.stride)
            x = apply(
                step.graph, step.state, begin(x, step.shape[:2], step.stride, own, left)
            )
            taken.append(own)
            room = left
        last = self.steps[-1].seen if self.steps else self.size
        answers = read_windows(*self.readout, x, last, room)
        put = partial(arrange, taken=taken, room=room, whole=whole)
        found = {name: put(np.asarray(one))[:count] for name, one in answers.items()}
        for one in found.values():
            require_numbers(self, one)
        return found


def slices_windows(step: Step, x: Map, y: Map) -> bool:
    """Whether what a stage makes of windows is a slice of what it makes of maps.

    Args:
      step: the stage, on windows of maps.
      x: maps, larger than a window by a multiple of the stride.
      y: what it makes of them.
    """
    (height, width, _), (rows, columns) = step.shape, step.seen
    room = x.shape[1] - height, x.shape[2] - width
    expected = [
        side + more // stride
        for side, more, stride in zip(step.seen, room, step.stride, strict=True)
    ]
    if min(rows, columns) < 1 or list(y.shape[1:3]) != expected:
        return False
    size = float(jnp.sqrt(jnp.mean(y**2)))
    for top, left in ((0, 0), (0, room[1]), (room[0], 0), room):
        own = apply(
            step.graph, step.state, x[:, top : top + height, left : left + width]
        )
        above, before = top // step.stride[0], left // step.stride[1]
        part = y[:, above : above + rows, before : before + columns]
        deviation = float(jnp.abs(own - part).max())
        if not deviation <= current_tolerance().commuting * size:
            return False
    return True
