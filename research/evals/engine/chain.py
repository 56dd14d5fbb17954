"""A network as a chain of jitted steps: which commute with shifts, and what to roll.

A step of stride s commutes along an axis if f(T_s x) = T_1 f(x) and s divides the map.
A step that goes down and up again has stride 1, and may commute with shifts by its
period p alone, the product of the strides inside: f(T_p x) = T_p f(x).
On a grid that is u times finer, shifts are by 1/u pixel, and a step may also commute
with those: f(T_d x) = T_{d/s} f(x) for fractions d (Michaeli 2023, arXiv:2303.08085).
Whether it does is tried out, in inference mode, because attributes miss cases: a
`valid` maximum over 2 with every second position kept commutes; a reflecting blur does
not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import gcd, inf, lcm, prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int

from research.evals.engine.modules import apply, in_inference, take_apart
from research.evals.engine.places import stage_shapes
from research.evals.engine.tolerance import Tolerance, current_tolerance
from research.evals.engine.trials import (
    Trial,
    smallest_period,
    try_commuting,
    try_fractions,
)
from research.models.level import Level, stage_period
from research.models.network import Network
from research.types import Images, LogitMaps, Logits, Map, Stride

TRIALS = 8  # maps on which a step is tried
ONE: tuple[Stride, Stride] = (1, 1), (1, 1)  # stride and period of a readout


@dataclass(frozen=True)
class Step:
    """A stage, or the readout, taken apart; and the rolls before it.

    Attributes:
      graph: of the module in inference mode.
      state: of the module, on every device.
      rolls: how many rolls of its input, for height and width; 1 is none.
      unit: the shift of the image that one roll stands for, positions of the grid.
      pixel: positions of the grid in a pixel of its input: a roll is by unit / pixel.
      values: numbers in the maps of one example, from the input to the output.
    """

    graph: nnx.GraphDef
    state: Any
    rolls: tuple[int, int]
    unit: tuple[int, int]
    pixel: tuple[int, int]
    values: int

    def __call__(
        self, x: Map, offsets: Int[np.ndarray, "rolls 2"]
    ) -> Map | Logits | LogitMaps:
        """Applies the step to all rolls of all maps: N maps become N · rolls."""
        if not offsets.any():
            return apply(self.graph, self.state, x)
        each = zip(self.rolls, self.unit, self.pixel, strict=True)
        whole = all(rolls == 1 or unit % pixel == 0 for rolls, unit, pixel in each)
        distances = offsets * np.array(self.unit) / np.array(self.pixel)
        distances = distances.astype(np.int32 if whole else np.float32)
        return apply(self.graph, self.state, x, distances)

    def offsets(self) -> Int[np.ndarray, "rolls 2"]:
        """Returns the rolls (dy, dx), counted."""
        return np.indices(self.rolls, np.int32).reshape(2, -1).T


@dataclass
class Axis:
    """How far the shifts along one axis have been taken, before a step.

    Attributes:
      unit: shifts by less have been taken, positions of the grid.
      pixel: positions of the grid in a pixel of the map.
      rolling: whether any shift is left to be taken.
    """

    unit: int
    pixel: int
    rolling: bool = True

    @property
    def grid(self) -> int:
        """Into how many parts the shifts that are left divide a pixel of the map."""
        return self.pixel // gcd(self.pixel, self.unit) if self.rolling else 1

    def roll(self, period: int | None, size: int) -> int:
        """Returns the rolls before a step, after which shifts by its period are left.

        Args:
          period: pixels of the map; None: the step commutes with no shift.
          size: of the map.
        """
        self.rolling = period is not None
        before = self.unit
        self.unit = lcm(before, (period or size) * self.pixel)
        return self.unit // before


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

    Before a step that commutes with shifts by a period it takes the rolls up to that,
    of which those are left out that were taken before: for other shifts its maps are
    shifts of these. The period of a step is its stride, and if it commutes with no
    shift by that, the product of the strides within. Before a step that does not
    commute the axis is rolled by its whole remaining size, and not again. On a finer
    grid a step that commutes with fractions takes no roll; but answers at every pixel
    are wanted at each fraction of one.

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
    shape = TRIALS, *images.shape[1:]
    noise = jax.random.uniform(jax.random.key(0), shape, jnp.float32)
    x = network.standardize((jnp.resize(images, noise.shape) + noise) / 2)
    axes, found = (Axis(1, fine), Axis(1, fine)), []
    steps: list[Step] = []
    stages = [one for one in network.stages if not isinstance(one, nnx.Dropout)]
    modules: list[Callable[..., Array]] = [*stages, network.readout]
    strides = [(stage.stride, stage_period(stage)) for stage in stages]
    for module, (stride, period) in zip(modules, [*strides, ONE], strict=True):
        graph, state = take_apart(module, mesh)
        f = partial(apply, graph, state)
        y, deviations = try_commuting(f, x, stride)
        trials: list[Trial] = [(stride, deviations)]
        if period != stride:
            trials.append((period, try_commuting(f, x, stride, period)[1]))
        fractional = (inf, inf)
        if module is not network.readout or y.ndim != 4:
            fractional = try_fractions(f, x, stride, [axis.grid for axis in axes])
        unit, pixel = (axes[0].unit, axes[1].unit), (axes[0].pixel, axes[1].pixel)
        rolls, name = [1, 1], f"step {len(steps) + 1}, {type(module).__name__},"
        for i, axis in enumerate(axes):
            if not axis.rolling:
                continue
            if fractional[i] <= tolerance.commuting:
                found.append(fractional[i])
            else:
                shift, tried = smallest_period(trials, i, tolerance, name)
                rolls[i] = axis.roll(shift, x.shape[1 + i])
                found += tried
            axis.pixel *= stride[i]
        values = count_values(module, x, y)
        steps.append(Step(graph, state, (rolls[0], rolls[1]), unit, pixel, values))
        x = y
    within = [one for one in found if one <= tolerance.commuting]
    beyond = [one for one in found if one > tolerance.commuting]
    return steps, Probe(
        tolerance, max(within, default=0.0), min(beyond, default=inf), x
    )


def count_values(module: Callable[..., Array], x: Map, y: Array) -> int:
    """Returns the numbers in the maps of one example, from x to y = module(x)."""
    before = x.shape[1:]
    after: list[tuple[int, ...]] = [y.shape[1:]]
    if isinstance(module, Level):
        after = [*stage_shapes(module, (before[0], before[1], before[2]))]
    return prod(before) + sum(map(prod, after))
