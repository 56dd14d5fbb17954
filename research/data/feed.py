"""Feeds: where the batches of a training split come from."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from research import devices
from research.data.source import Split
from research.types import Labels, Pixels


class Resident:
    """A split held on every device of the mesh; a batch is gathered there."""

    def __init__(self, split: Split, mesh: Mesh):
        self.mesh = mesh
        self.images = devices.replicate(split.images, mesh)
        self.labels = devices.replicate(split.labels, mesh)
        sharded = NamedSharding(mesh, PartitionSpec("data"))
        self._take = jax.jit(
            lambda images, labels, indices: (images[indices], labels[indices]),
            out_shardings=(sharded, sharded),
        )

    def batch(self, indices: np.ndarray) -> tuple[Pixels, Labels]:
        """Returns the examples at `indices`, sharded over the mesh."""
        indices = devices.shard(indices, self.mesh)
        return self._take(self.images, self.labels, indices)


class Host:
    """A split held in the host's memory; a batch is copied to the devices."""

    def __init__(self, split: Split, mesh: Mesh):
        self.split = split
        self.mesh = mesh

    def batch(self, indices: np.ndarray) -> tuple[Pixels, Labels]:
        """Returns the examples at `indices`, sharded over the mesh."""
        arrays = self.split.images[indices], self.split.labels[indices]
        return devices.shard(arrays, self.mesh)


def feed(split: Split, mesh: Mesh, *, device_bytes: int) -> Resident | Host:
    """Keeps a split of up to `device_bytes` on the devices, a larger on the host."""
    fits = split.images.nbytes <= device_bytes
    return Resident(split, mesh) if fits else Host(split, mesh)


def epoch_order(examples: int, *, seed: int, epoch: int) -> np.ndarray:
    """Returns the order of an epoch's examples: a function of seed and epoch alone."""
    return np.random.default_rng([seed, epoch]).permutation(examples).astype(np.int32)


def batches(
    examples: int, *, batch_size: int, epochs: int, seed: int, start: int = 0
) -> Iterator[tuple[int, np.ndarray]]:
    """Yields the epoch, from 1, and the examples of each step from `start` on.

    The remainder of an epoch that does not fill a batch is left out of it.
    """
    per_epoch = examples // batch_size
    for epoch in range(start // per_epoch, epochs):
        order = epoch_order(examples, seed=seed, epoch=epoch)
        for step in range(max(start - epoch * per_epoch, 0), per_epoch):
            yield epoch + 1, order[step * batch_size : (step + 1) * batch_size]
