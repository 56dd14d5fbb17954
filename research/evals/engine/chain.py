"""A network as a chain of jitted steps: which commute with shifts, and what to roll.

A step of stride s commutes along an axis if f(T_s x) = T_1 f(x) and s divides the map.
On a grid that is u times finer, shifts are by 1/u pixel, and a step may also commute
with those: f(T_d x) = T_{d/s} f(x) for fractions d (Michaeli 2023, arXiv:2303.08085).
Whether it does is tried out, in inference mode, because attributes miss cases: a
`valid` maximum over 2 with every second position kept commutes; a reflecting blur does
not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from research.nn.signal import fractional_shift
from research.types import Images, Logits, Map, Stride

TRIALS = 8  # maps on which a step is tried
ODD = 0.381966  # pixels: a shift that no grid contains


@dataclass(frozen=True)
class Step:
    """A stage, or the readout, taken apart; and the rolls before it.

    Attributes:
      graph: of the module in inference mode.
      state: of the module, on every device.
      rolls: how many rolls of its input, for height and width; 1 is none.
      unit: the shift of the image that one roll stands for, positions of the grid.
      fine: positions of the grid in one of its input map: a roll is by 1/fine.
      values: numbers in the input and the output of one example.
    """

    graph: nnx.GraphDef
    state: Any
    rolls: tuple[int, int]
    unit: tuple[int, int]
    fine: tuple[int, int]
    values: int

    def __call__(self, x: Map, offsets: Int[np.ndarray, "rolls 2"]) -> Map | Logits:
        """Applies the step to all rolls of all maps: N maps become N · rolls."""
        if not offsets.any():
            return apply(self.graph, self.state, x)
        if self.fine != (1, 1):
            return apply(self.graph, self.state, x, (offsets / self.fine).astype("f4"))
        return apply(self.graph, self.state, x, offsets)

    def offsets(self) -> Int[np.ndarray, "rolls 2"]:
        """Returns the rolls (dy, dx), in positions of the grid."""
        return np.indices(self.rolls, np.int32).reshape(2, -1).T


@dataclass(frozen=True)
class Probe:
    """What the trials found: how far the decisions were from being narrow.

    Attributes:
      tolerance: that they were made by.
      accepted: the largest deviation that was taken for rounding; 0 where none was.
      refused: the smallest that was taken for a border; ∞ where none was.
      logits: of the mixtures that the steps were tried on, or maps of them.
    """

    tolerance: Tolerance
    accepted: float
    refused: float
    logits: Float[Array, "trials *places classes"]


def chain(
    network: Network, images: Images, mesh: Mesh, *, fine: int = 1
) -> tuple[list[Step], Probe]:
    """Returns the steps of a network with the rolls that reach every circular shift.

    Before a step of stride s that commutes it takes s rolls: for other shifts its maps
    are shifts of these. Before one that does not commute the axis is rolled by its
    whole remaining size, and not again. On a finer grid a step that commutes with
    fractions takes no roll, and its map has s times the positions of the grid in a
    pixel; another takes all of one stride, and its map has whole pixels left.

    Args:
      network: stages and a readout; dropout, which does nothing here, is left out.
      images: examples. The steps are tried on the maps of mixtures of them with noise,
        which are as large as theirs but have no ties and no constant border.
      mesh: devices that hold the steps.
      fine: u, positions of the grid in a pixel of the image.

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
    rolling, unit, grid = [True, True], (1, 1), [fine, fine]
    found: list[float] = []
    stages = [one for one in network.stages if not isinstance(one, nnx.Dropout)]
    modules: list[Callable[..., Array]] = [*stages, network.readout]
    strides = [*(stage.stride for stage in stages), (1, 1)]
    for module, stride in zip(modules, strides, strict=True):
        graph, state = take_apart(module, mesh)
        f = partial(apply, graph, state)
        y, deviations = try_commuting(f, x, stride)
        fractional = try_fractions(f, x, stride, grid)
        rolls, here = [1, 1], (grid[0], grid[1])
        for axis in (0, 1):
            if not rolling[axis]:
                continue
            if fractional[axis] <= tolerance.commuting:
                grid[axis] *= stride[axis]
                found.append(fractional[axis])
                continue
            name = f"step {len(steps) + 1}, {type(module).__name__},"
            rolling[axis] = commutes(deviations[axis], tolerance, name)
            pixels = stride[axis] if rolling[axis] else x.shape[1 + axis]
            rolls[axis], grid[axis] = pixels * grid[axis], 1
            found.append(deviations[axis])
        values = prod(x.shape[1:]) + prod(y.shape[1:])
        steps.append(Step(graph, state, (rolls[0], rolls[1]), unit, here, values))
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
    y, (rows, columns) = deviations(f, x, stride, ([stride[0]], [stride[1]]))
    return y, (rows, columns)


def try_fractions(
    f: Callable[..., Array], x: Map, stride: Stride, grid: Sequence[int]
) -> tuple[float, float]:
    """Returns for each axis how far f(T_d x) is from T_{d/s} f(x), for fractions d.

    They are one position of the grid, and a fraction that no grid contains: the
    Nyquist bin, which a shift by ½ takes away, and shifts by less do not, is found out.

    Args:
      f: the step.
      x: its input.
      stride: s of the step.
      grid: positions in a pixel of `x`; ∞ is returned for an axis of whole pixels.
    """
    moves = [[] if fine == 1 else [1 / fine, ODD] for fine in grid]
    if not any(moves):
        return inf, inf
    rows, columns = deviations(f, x, stride, (moves[0], moves[1]))[1]
    return rows, columns


def deviations(
    f: Callable[..., Array],
    x: Map,
    stride: Stride,
    moves: tuple[Sequence[float | int], Sequence[float | int]],
) -> tuple[Map | Logits, list[float]]:
    """Returns f(x), and the largest deviation over the moves of each axis, or ∞.

    Args:
      f: the step.
      x: its input.
      stride: s of the step.
      moves: pixels of `x`, along height and along width; ∞ is returned for none.
    """
    offsets = [(0, 0), *((d, 0) for d in moves[0]), *((0, d) for d in moves[1])]
    whole = all(float(d).is_integer() for d in (*moves[0], *moves[1]))
    y = f(x, np.array(offsets, np.int32 if whole else np.float32))
    still, *moved = jnp.moveaxis(
        y.reshape(x.shape[0], len(offsets), *y.shape[1:]), 1, 0
    )
    size = float(jnp.sqrt(jnp.mean(still**2))) or 1.0
    found = [inf, inf]
    for axis in (0, 1):
        ours = moved[: len(moves[0])] if axis == 0 else moved[len(moves[0]) :]
        if still.ndim == 4:
            if still.shape[1 + axis] * stride[axis] != x.shape[1 + axis]:
                continue
        gaps = [
            jnp.abs(one - move(still, axis, d / stride[axis])).max() / size
            for one, d in zip(ours, moves[axis], strict=True)
        ]
        if gaps:
            worst = max(map(float, gaps))
            found[axis] = inf if any(isnan(float(gap)) for gap in gaps) else worst
    return still, found


def move(y: Map | Logits, axis: int, distance: float | int) -> Map | Logits:
    """Returns a map shifted along one axis, and logits as they are."""
    if y.ndim != 4:
        return y
    if float(distance).is_integer():
        return jnp.roll(y, int(distance), 1 + axis)
    offset = [distance, 0.0] if axis == 0 else [0.0, distance]
    return fractional_shift(y, jnp.tile(jnp.array(offset, jnp.float32), (len(y), 1)))
