"""A network as a chain of jitted steps: which commute with shifts, and what to roll.

A step of stride s commutes along an axis if f(T_s x) = T_1 f(x) and s divides the map.
Whether it does is tried out, in inference mode, because attributes miss cases: a
`valid` maximum over 2 with every second position kept commutes; a reflecting blur does
not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int

from research.evals.engine.modules import apply, in_inference, take_apart
from research.models.network import Network
from research.types import Images, Logits, Map, Stride

TOLERANCE = 1e-4  # of the RMS: rounding leaves 1e-6, a border that does not wrap 1
TRIALS = 8  # maps on which a step is tried


@dataclass(frozen=True)
class Step:
    """A stage, or the readout, taken apart; and the rolls before it.

    Attributes:
      graph: of the module in inference mode.
      state: of the module, on every device.
      rolls: how many rolls of its input, for height and width; 1 is none.
      unit: the shift of the image that one roll stands for, pixels.
      values: numbers in the input and the output of one example.
    """

    graph: nnx.GraphDef
    state: Any
    rolls: tuple[int, int]
    unit: tuple[int, int]
    values: int

    def __call__(self, x: Map, offsets: Int[np.ndarray, "rolls 2"]) -> Map | Logits:
        """Applies the step to all rolls of all maps: N maps become N · rolls."""
        rolls = (offsets,) if offsets.any() else ()
        return apply(self.graph, self.state, x, *rolls)

    def offsets(self) -> Int[np.ndarray, "rolls 2"]:
        """Returns the rolls (dy, dx), in positions of the input map."""
        return np.indices(self.rolls, np.int32).reshape(2, -1).T


def chain(
    network: Network, images: Images, mesh: Mesh
) -> tuple[list[Step], Float[Array, "trials classes"]]:
    """Returns the steps of a network with the rolls that reach every circular shift.

    Before a step of stride s that commutes it takes s rolls: for other shifts its maps
    are shifts of these. Before one that does not commute the axis is rolled by its
    whole remaining size, and not again.

    Args:
      network: stages and a readout; dropout, which does nothing here, is left out.
      images: examples. The steps are tried on the maps of mixtures of them with noise,
        which are as large as theirs but have no ties and no constant border.
      mesh: devices that hold the steps.

    Returns:
      The steps, and the logits of the mixtures.
    """
    network = in_inference(network)
    noise = jax.random.uniform(jax.random.key(0), (TRIALS, *images.shape[1:]))
    x = network.standardize((jnp.resize(images, noise.shape) + noise) / 2)
    steps: list[Step] = []
    rolling, unit = [True, True], (1, 1)
    stages = [one for one in network.stages if not isinstance(one, nnx.Dropout)]
    modules: list[Callable[..., Array]] = [*stages, network.readout]
    strides = [*(stage.stride for stage in stages), (1, 1)]
    for module, stride in zip(modules, strides, strict=True):
        graph, state = take_apart(module, mesh)
        y, commuting = try_commuting(partial(apply, graph, state), x, stride)
        rolls = [1, 1]
        for axis in (0, 1):
            if rolling[axis]:
                rolls[axis] = stride[axis] if commuting[axis] else x.shape[1 + axis]
                rolling[axis] = commuting[axis]
        values = prod(x.shape[1:]) + prod(y.shape[1:])
        steps.append(Step(graph, state, (rolls[0], rolls[1]), unit, values))
        unit = (unit[0] * rolls[0], unit[1] * rolls[1])
        x = y
    return steps, x


def try_commuting(
    f: Callable[..., Array], x: Map, stride: Stride
) -> tuple[Map | Logits, tuple[bool, bool]]:
    """Returns f(x), and for each axis whether f(T_s x) = T_1 f(x) with s | size.

    For logits, which have no positions, T_1 is the identity.
    """
    offsets = np.array([(0, 0), (stride[0], 0), (0, stride[1])], np.int32)
    y = f(x, offsets)
    y = y.reshape(x.shape[0], 3, *y.shape[1:])
    positions = y.ndim == 5
    bound = TOLERANCE * jnp.sqrt(jnp.mean(y[:, 0] ** 2))

    def commutes(axis: int) -> bool:
        if positions and y.shape[2 + axis] * stride[axis] != x.shape[1 + axis]:
            return False
        expected = jnp.roll(y[:, 0], 1, 1 + axis) if positions else y[:, 0]
        return bool(jnp.abs(y[:, 1 + axis] - expected).max() <= bound)

    return y[:, 0], (commutes(0), commutes(1))
