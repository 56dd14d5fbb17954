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
from math import inf, isnan, prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int

from research.errors import UserError
from research.evals.engine.modules import apply, in_inference, take_apart
from research.evals.engine.tolerance import Tolerance, current_tolerance
from research.models.network import Network
from research.types import Images, Logits, Map, Stride

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


@dataclass(frozen=True)
class Probe:
    """What the trials found: how far the decisions were from being narrow.

    Attributes:
      tolerance: that they were made by.
      accepted: the largest deviation that was taken for rounding; 0 where none was.
      refused: the smallest that was taken for a border; ∞ where none was.
      logits: of the mixtures that the steps were tried on.
    """

    tolerance: Tolerance
    accepted: float
    refused: float
    logits: Float[Array, "trials classes"]


def chain(network: Network, images: Images, mesh: Mesh) -> tuple[list[Step], Probe]:
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
      The steps, and what the trials found.

    Raises:
      UserError: a step deviates by more than rounding and by less than a border.
    """
    tolerance = current_tolerance()
    network = in_inference(network)
    noise = jax.random.uniform(jax.random.key(0), (TRIALS, *images.shape[1:]))
    x = network.standardize((jnp.resize(images, noise.shape) + noise) / 2)
    steps: list[Step] = []
    rolling, unit = [True, True], (1, 1)
    found: list[float] = []
    stages = [one for one in network.stages if not isinstance(one, nnx.Dropout)]
    modules: list[Callable[..., Array]] = [*stages, network.readout]
    strides = [*(stage.stride for stage in stages), (1, 1)]
    for module, stride in zip(modules, strides, strict=True):
        graph, state = take_apart(module, mesh)
        y, deviations = try_commuting(partial(apply, graph, state), x, stride)
        rolls = [1, 1]
        for axis in (0, 1):
            if rolling[axis]:
                name = f"step {len(steps) + 1}, {type(module).__name__},"
                rolling[axis] = commutes(deviations[axis], tolerance, name)
                rolls[axis] = stride[axis] if rolling[axis] else x.shape[1 + axis]
                found.append(deviations[axis])
        values = prod(x.shape[1:]) + prod(y.shape[1:])
        steps.append(Step(graph, state, (rolls[0], rolls[1]), unit, values))
        unit = (unit[0] * rolls[0], unit[1] * rolls[1])
        x = y
    within = [one for one in found if one <= tolerance.commuting]
    beyond = [one for one in found if one > tolerance.commuting]
    return steps, Probe(
        tolerance, max(within, default=0.0), min(beyond, default=inf), x
    )


def commutes(deviation: float, tolerance: Tolerance, name: str) -> bool:
    """Decides whether a step commutes.

    Args:
      deviation: of the step, as a fraction of its RMS; ∞ where it cannot commute.
      tolerance: of the arithmetic.
      name: of the step, for the error.

    Raises:
      UserError: it is neither clearly rounding nor clearly a border.
    """
    if tolerance.commuting < deviation < tolerance.border:
        raise UserError(
            f"{name} deviates from commuting with shifts by {deviation:.1e} of its "
            f"RMS: rounding ({tolerance.arithmetic}) takes up to "
            f"{tolerance.commuting:.1e}, a border at least {tolerance.border:.1e}; "
            "give precision.eval=highest or eval.orbit.method=brute, and leave "
            "explorer out of eval"
        )
    return deviation <= tolerance.commuting


def try_commuting(
    f: Callable[..., Array], x: Map, stride: Stride
) -> tuple[Map | Logits, tuple[float, float]]:
    """Returns f(x), and for each axis how far f(T_s x) is from T_1 f(x).

    For logits, which have no positions, T_1 is the identity.

    Returns:
      f(x), and for each axis the largest difference as a fraction of the RMS of f(x);
      ∞ where s does not divide the size, or the differences are no numbers.
    """
    offsets = np.array([(0, 0), (stride[0], 0), (0, stride[1])], np.int32)
    y = f(x, offsets)
    y = y.reshape(x.shape[0], 3, *y.shape[1:])
    positions = y.ndim == 5
    size = float(jnp.sqrt(jnp.mean(y[:, 0] ** 2))) or 1.0

    def deviation(axis: int) -> float:
        if positions and y.shape[2 + axis] * stride[axis] != x.shape[1 + axis]:
            return inf
        expected = jnp.roll(y[:, 0], 1, 1 + axis) if positions else y[:, 0]
        found = float(jnp.abs(y[:, 1 + axis] - expected).max()) / size
        return inf if isnan(found) else found

    return y[:, 0], (deviation(0), deviation(1))
