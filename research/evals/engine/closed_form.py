"""Logits of all circular shifts, sharing what the shifts have in common."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from math import prod
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from research.distributed import devices, hosts
from research.distributed.memory import share
from research.evals.engine.chain import chain
from research.evals.engine.predictor import (
    Stored,
    Unit,
    prepare,
    require_numbers,
)
from research.models.network import Network
from research.transforms.shifts import Draws
from research.types import LogitMaps, Logits, Map

Orbits = Float[np.ndarray, "examples rows columns *answer"]
Leaf = tuple[Any, Int[np.ndarray, " maps"], Int[np.ndarray, "maps 2"]]


class ClosedForm:
    """The logits of all circular shifts of images, in closed form.

    Shifts share what they have in common: a stage of stride s that commutes with shifts
    by s needs s × s rolls of its input, and what lies before it is computed once for
    all of them. So every stage runs at the resolution of the input, in total. On a grid
    of 1/u pixel a stage that commutes with fractions needs no roll at all.

    Logits of every pixel move with the image: those of two shifts that are equal mod
    the period are shifts of each other, by the difference. A level of strides p needs
    p × p rolls, and what follows it runs for each, at its own resolution.

    Args:
      network: stages and a readout.
      images: examples; with noise added, the stages are tried on them.
      fine: u: all shifts by multiples of 1/u pixel, as `fractional_shift` has them.
      memory: MiB of maps that a device may hold at once between two stages. Rolls are
        taken in chunks that keep to it; one roll of each image is the least. None: an
        eighth of what is free there.

    Attributes:
      period: (P, Q) of the logits over shifts, positions of the grid.
      shared: whether shifts have anything in common; if not, a loop is as good.
      probe: what the stages did when they were tried.

    Raises:
      UserError: it cannot be known whether a stage commutes, at this precision; or, of
        logits, they are no numbers.
    """

    def __init__(
        self,
        network: Network,
        images: Stored | Unit,
        *,
        fine: int = 1,
        memory: int | None = None,
    ):
        self.network = network
        self.mesh = devices.mesh()
        examples = prepare(None, images[:8])
        self.steps, self.probe = chain(network, examples, self.mesh, fine=fine)
        self.memory = share(self.mesh) // 2**20 if memory is None else memory
        last = self.steps[-1]
        self.period = (last.unit[0] * last.rolls[0], last.unit[1] * last.rolls[1])
        everything = fine * images.shape[1], fine * images.shape[2]
        self.shared = self.steps[0].rolls != everything

    def logits(self, images: Stored | Unit) -> Orbits:
        """Returns (B, P, Q, K): at (p, q) all shifts (dy, dx) ≡ (p, q) mod (P, Q).

        Of a network that answers at every pixel it is (B, P, Q, H, W, K): at (p, q) the
        logits of the shift (p, q) itself, as the network gives them.
        """
        return hosts.shared(self._logits, images)

    def _logits(self, images: Stored | Unit) -> Orbits:
        count = len(images)
        size = -(-count // self.mesh.size) * self.mesh.size
        x = prepare(None, devices.shard(hosts.pad_rows(images, size), self.mesh))
        x = self.network.standardize(x)
        leaves = self.walk(0, x, np.arange(size), np.zeros((size, 2), np.int32))
        answer = self.probe.logits.shape[1:]
        orbits = np.empty((size, *self.period, *answer), np.float32)
        for logits, examples, shifts in fetch_ahead(leaves):
            orbits[examples, shifts[:, 0], shifts[:, 1]] = logits
        require_numbers(self.network, orbits[:count])
        return orbits[:count]

    def walk(
        self,
        index: int,
        x: Map | Logits | LogitMaps,
        examples: Int[np.ndarray, " maps"],
        shifts: Int[np.ndarray, "maps 2"],
    ) -> Iterator[Leaf]:
        """Yields logits, depth first, from maps that are the input of a step.

        Args:
          index: of the step.
          x: maps; after the last step logits.
          examples: which image each map comes from.
          shifts: by how many pixels that image was shifted.
        """
        if index == len(self.steps):
            yield x, examples, shifts
            return
        step = self.steps[index]
        for rolls in chunks(step.offsets(), self.room(index, len(x))):
            yield from self.walk(
                index + 1,
                step(x, rolls),
                np.repeat(examples, len(rolls)),
                (shifts[:, None] + rolls * np.array(step.unit)).reshape(-1, 2),
            )

    def room(self, index: int, maps: int) -> int:
        """Returns how many rolls of this many maps keep to the memory, at least 1."""
        here, *later = self.steps[index:]
        until = takewhile(lambda step: prod(step.rolls) == 1, later)
        values = max(step.values for step in (here, *until))
        return max(1, self.memory * 2**20 * self.mesh.size // (4 * values * maps))


def chunks(offsets: Draws, most: int) -> Iterator[Draws]:
    """Yields equally many rolls at a time, for one compilation; the last may recur."""
    count = -(-len(offsets) // most)
    size = -(-len(offsets) // count)
    for start in range(0, len(offsets), size):
        yield hosts.pad_rows(offsets[start : start + size], size)


def fetch_ahead(leaves: Iterator[Leaf]) -> Iterator[Leaf]:
    """Yields each leaf as NumPy arrays when the next one is under way."""
    waiting = next(leaves)
    for leaf in leaves:
        yield np.asarray(waiting[0]), *waiting[1:]
        waiting = leaf
    yield np.asarray(waiting[0]), *waiting[1:]
