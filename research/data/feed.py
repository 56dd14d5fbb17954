"""Feeds: which examples each step takes, and where its batch comes from.

Of several processes each brings its own rows of a batch (`devices.rows`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from research import devices
from research.data.source import Split
from research.types import Labels, Pixels

Batches = Iterator[tuple[Pixels, Labels]]


@dataclass(frozen=True)
class Plan:
    """The examples of each step: a function of the seed and the step's number alone.

    So a run can go on from any step. The remainder of an epoch that does not fill a
    batch is left out of it.

    Args:
      examples: of the split.
      batch_size: of a step.
      epochs: passes over the split, each in an order of its own.
      seed: of the orders.
    """

    examples: int
    batch_size: int
    epochs: int
    seed: int

    @property
    def per_epoch(self) -> int:
        """Steps in an epoch."""
        return self.examples // self.batch_size

    def __len__(self) -> int:
        return self.epochs * self.per_epoch

    def __getitem__(self, step: int) -> np.ndarray:
        """Returns the examples of a step, the first of which is step 0."""
        epoch, place = divmod(step, self.per_epoch)
        order = epoch_order(self.examples, seed=self.seed, epoch=epoch)
        return order[place * self.batch_size :][: self.batch_size]


@lru_cache(maxsize=2)
def epoch_order(examples: int, *, seed: int, epoch: int) -> np.ndarray:
    """Returns the order of an epoch's examples: a function of seed and epoch alone."""
    return np.random.default_rng([seed, epoch]).permutation(examples).astype(np.int32)


class Resident:
    """A split held on every device of the mesh; a batch is gathered there."""

    def __init__(self, split: Split, mesh: Mesh):
        self.mesh = mesh
        self.images = devices.replicate(np.asarray(split.images), mesh)
        self.labels = devices.replicate(np.asarray(split.labels), mesh)
        sharded = NamedSharding(mesh, PartitionSpec("data"))
        self._take = jax.jit(
            lambda images, labels, indices: (images[indices], labels[indices]),
            out_shardings=(sharded, sharded),
        )

    def batch(self, indices: np.ndarray) -> tuple[Pixels, Labels]:
        """Returns the examples at `indices`, sharded over the mesh."""
        mine = indices[devices.rows(len(indices))]
        return self._take(self.images, self.labels, devices.assemble(mine, self.mesh))

    def batches(self, plan: Plan, start: int) -> Batches:
        """Yields the batch of each step from `start` on."""
        return (self.batch(plan[step]) for step in range(start, len(plan)))


class Host:
    """A split held in the host's memory; a batch is copied to the devices."""

    def __init__(self, split: Split, mesh: Mesh):
        self.split = split
        self.mesh = mesh

    def batch(self, indices: np.ndarray) -> tuple[Pixels, Labels]:
        """Returns the examples at `indices`, sharded over the mesh."""
        mine = indices[devices.rows(len(indices))]
        arrays = self.split.images[mine], self.split.labels[mine]
        return devices.assemble(arrays, self.mesh)

    def batches(self, plan: Plan, start: int) -> Batches:
        """Yields the batch of each step from `start` on."""
        return (self.batch(plan[step]) for step in range(start, len(plan)))


def feed(split: Split, mesh: Mesh, *, device_bytes: int) -> Resident | Host:
    """Keeps a split of up to `device_bytes` on the devices, a larger on the host."""
    fits = split.images.nbytes <= device_bytes
    return Resident(split, mesh) if fits else Host(split, mesh)
