"""Feeds: where the batches of a training split come from.

A batch is a dict of arrays with one row per example, sharded over the mesh: those of
the split, and `index`, the number of each example in it, and `epoch`, from 0, of which
an augmentation may be a function. The batches of several steps are stacked, their first
axis the step. Of several processes each brings its own rows (`devices.rows`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from functools import partial
from operator import itemgetter

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array

from research.data.plan import Plan
from research.data.split import Split
from research.data.stream import Stream
from research.distributed import devices

Batch = dict[str, Array]  # `image`, uint8, and whatever else the split has
TICK = 1e-3  # seconds between looks at whether the devices still work


class Batches:
    """The batches of the steps to come.

    Attributes:
      idle: seconds in which the devices had nothing to do for want of a batch.
    """

    def __init__(self, batches: Iterable[Batch]):
        self._batches = iter(batches)
        self.idle = 0.0

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        return next(self._batches)

    def close(self) -> None:
        """Ends what makes them."""


class Ahead(Batches):
    """Batches that a thread makes, each while the devices work on the one before.

    Args:
      batches: what the thread runs; it starts no program on the devices.
      busy: whether the devices have work.
    """

    def __init__(self, batches: Iterable[Batch], busy: Callable[[], bool]):
        super().__init__(batches)
        self._busy = busy
        self._thread = ThreadPoolExecutor(1)
        self._coming = self._ask()

    def _ask(self) -> Future[Batch | None]:
        return self._thread.submit(next, self._batches, None)

    def __next__(self) -> Batch:
        since = None
        while not self._coming.done():
            if since is None and not self._busy():
                since = time.monotonic()
            wait([self._coming], TICK)
        if since is not None:
            self.idle += time.monotonic() - since
        batch = self._coming.result()
        if batch is None:
            raise StopIteration
        self._coming = self._ask()
        return batch

    def close(self) -> None:
        """Ends the thread after the batch in hand, and what it takes batches from."""
        self._thread.shutdown(cancel_futures=True)
        del self._batches


class Resident:
    """A split held on every device of the mesh; batches are gathered there."""

    def __init__(self, split: Split, mesh: Mesh):
        self.mesh = mesh
        self.arrays = devices.replicate(dict(split.arrays), mesh)

    def batch(self, indices: np.ndarray, epoch: int = 0) -> Batch:
        """Returns the examples at `indices`, sharded over the mesh.

        Args:
          indices: (batch,), or (steps, batch) for the batches of several steps.
          epoch: that they are of.
        """
        mine = indices[..., devices.rows(indices.shape[-1])]
        places = devices.assemble(mine, self.mesh, axis=mine.ndim - 1)
        return take(self.arrays, places, np.int32(epoch), mesh=self.mesh)

    def batches(
        self, plan: Plan, start: int, busy: Callable[[], bool], most: int = 1
    ) -> Batches:
        """Returns the batches of each dispatch; see `Ahead` for `busy`.

        Args:
          plan: the examples of each step.
          start: the first step.
          busy: whether the devices have work.
          most: steps of a dispatch, whose batches are stacked where there are several.
        """
        dispatches = plan.dispatches(start, most)
        return Batches(self.batch(*choose(plan, steps)) for steps in dispatches)


@partial(jax.jit, static_argnames="mesh")
def take(arrays: Batch, indices: Array, epoch: Array, *, mesh: Mesh) -> Batch:
    """Returns the rows of arrays at `indices`, whose last axis is split over a mesh."""
    batch = {name: rows[indices] for name, rows in arrays.items()}
    batch |= {"index": indices, "epoch": jnp.full_like(indices, epoch)}
    place = PartitionSpec(*[None] * (indices.ndim - 1), "data")
    return jax.lax.with_sharding_constraint(batch, NamedSharding(mesh, place))


def draw_for_run(key: Array, index: Array) -> Array:
    """Draws a number, uint32, for each example: the same in every epoch of a run."""
    keys = jax.vmap(partial(jax.random.fold_in, key))(index)
    return jax.vmap(jax.random.bits)(keys)


class Host:
    """A split held in the host's memory; batches are copied to the devices."""

    def __init__(self, split: Split, mesh: Mesh):
        self.split = split
        self.mesh = mesh

    def batch(self, indices: np.ndarray, epoch: int = 0) -> Batch:
        """Returns the examples at `indices`, as `Resident.batch`."""
        mine = indices[..., devices.rows(indices.shape[-1])]
        arrays = {name: rows[mine] for name, rows in self.split.arrays.items()}
        arrays |= {"index": mine, "epoch": np.full_like(mine, epoch)}
        return devices.assemble(arrays, self.mesh, axis=mine.ndim - 1)

    def batches(
        self, plan: Plan, start: int, busy: Callable[[], bool], most: int = 1
    ) -> Batches:
        """Returns the batches of each dispatch; see `Resident.batches`."""
        dispatches = plan.dispatches(start, most)
        return Ahead((self.batch(*choose(plan, steps)) for steps in dispatches), busy)


class Streamed:
    """A split that is read and decoded as it is needed."""

    def __init__(self, stream: Stream, mesh: Mesh):
        self.stream = stream
        self.mesh = mesh

    def batches(
        self, plan: Plan, start: int, busy: Callable[[], bool], most: int = 1
    ) -> Batches:
        """Returns the batches of each dispatch; see `Resident.batches`."""
        return Ahead(self._assemble(plan, start, most), busy)

    def _assemble(self, plan: Plan, start: int, most: int) -> Iterator[Batch]:
        rows = devices.rows(plan.batch_size)
        with closing(self.stream.batches(plan, start, rows)) as decoded:
            for steps in plan.dispatches(start, most):
                indices, epoch = choose(plan, steps)
                index = indices[..., rows]
                parts = [next(decoded) for _ in steps]
                stack = np.stack if index.ndim > 1 else itemgetter(0)
                arrays = {
                    name: stack([one[name] for one in parts]) for name in parts[0]
                }
                arrays |= {"index": index, "epoch": np.full_like(index, epoch)}
                yield devices.assemble(arrays, self.mesh, axis=index.ndim - 1)


def choose(plan: Plan, steps: range) -> tuple[np.ndarray, int]:
    """Returns the examples of the steps of a dispatch, and the epoch that they are of.

    Args:
      plan: the examples of each step.
      steps: of one epoch.

    Returns:
      (batch,) for one step, (steps, batch) for several.
    """
    epoch = steps.start // plan.per_epoch
    if len(steps) == 1:
        return plan[steps.start], epoch
    return np.stack([plan[step] for step in steps]), epoch


def feed(
    split: Split | Stream, mesh: Mesh, *, device_bytes: int
) -> Resident | Host | Streamed:
    """Keeps a split of up to `device_bytes` on the devices, a larger one on the host.

    Args:
      split: arrays, or a stream of batches.
      mesh: devices that share each batch.
      device_bytes: what all arrays of a split may take on each device.
    """
    if isinstance(split, Stream):
        return Streamed(split, mesh)
    fits = split.nbytes <= device_bytes
    return Resident(split, mesh) if fits else Host(split, mesh)
