"""Feeds: where the batches of a training split come from.

Of several processes each brings its own rows of a batch (`devices.rows`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from research.data.plan import Plan
from research.data.split import Split
from research.data.stream import Stream
from research.distributed import devices

Batch = dict[str, jax.Array]
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
    """Batches that a thread makes while the devices work on the one before.

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
    """A split held on every device of the mesh; a batch is gathered there."""

    def __init__(self, split: Split, mesh: Mesh):
        self.mesh = mesh
        rows = {name: np.asarray(part) for name, part in split.arrays.items()}
        self.arrays = devices.replicate(rows, mesh)
        self._take = jax.jit(
            lambda arrays, indices: jax.tree.map(lambda rows: rows[indices], arrays),
            out_shardings=NamedSharding(mesh, PartitionSpec("data")),
        )

    def batch(self, indices: np.ndarray) -> Batch:
        """Returns the examples at `indices`, sharded over the mesh."""
        mine = indices[devices.rows(len(indices))]
        return self._take(self.arrays, devices.assemble(mine, self.mesh))

    def batches(self, plan: Plan, start: int, busy: Callable[[], bool]) -> Batches:
        """Returns the batch of each step from `start` on; see `Ahead` for `busy`."""
        return Batches(self.batch(plan[step]) for step in range(start, len(plan)))


class Host:
    """A split held in the host's memory; a batch is copied to the devices."""

    def __init__(self, split: Split, mesh: Mesh):
        self.split = split
        self.mesh = mesh

    def batch(self, indices: np.ndarray) -> Batch:
        """Returns the examples at `indices`, sharded over the mesh."""
        mine = indices[devices.rows(len(indices))]
        arrays = {name: rows[mine] for name, rows in self.split.arrays.items()}
        return devices.assemble(arrays, self.mesh)

    def batches(self, plan: Plan, start: int, busy: Callable[[], bool]) -> Batches:
        """Returns the batch of each step from `start` on; see `Ahead` for `busy`."""
        steps = range(start, len(plan))
        return Ahead((self.batch(plan[step]) for step in steps), busy)


class Streamed:
    """A split that is read and decoded as it is needed."""

    def __init__(self, stream: Stream, mesh: Mesh):
        self.stream = stream
        self.mesh = mesh

    def batches(self, plan: Plan, start: int, busy: Callable[[], bool]) -> Batches:
        """Returns the batch of each step from `start` on; see `Ahead` for `busy`."""
        mine = self.stream.batches(plan, start, devices.rows(plan.batch_size))
        named = (dict(zip(("image", "label"), part, strict=True)) for part in mine)
        return Ahead((devices.assemble(part, self.mesh) for part in named), busy)


def feed(
    split: Split | Stream, mesh: Mesh, *, device_bytes: int
) -> Resident | Host | Streamed:
    """Keeps a split of up to `device_bytes` on the devices, a larger on the host."""
    if isinstance(split, Stream):
        return Streamed(split, mesh)
    fits = sum(rows.nbytes for rows in split.arrays.values()) <= device_bytes
    return Resident(split, mesh) if fits else Host(split, mesh)
