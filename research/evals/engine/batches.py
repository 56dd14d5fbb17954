"""The one loop over batches: equal in size, sharded over the devices, none lost."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from research import progress
from research.distributed import devices, hosts
from research.distributed.memory import share

Fetch = Callable[[Any, int], Any]  # fetch(result, rows) → tree of NumPy arrays


class Kept:
    """Puts rows of an array on the devices, and keeps them for the next call.

    It keeps those of the one array that it was last given, if they fit into the
    devices' memory (`memory.share`), and if it cannot be written to, as those of a
    split cannot. It is the same array as before if it lies at the same place. Whether
    they fit is asked once, before any is there: kept rows leave less memory free.

    Args:
      mesh: devices, over which the rows are sharded.
    """

    def __init__(self, mesh: Mesh):
        self.mesh = mesh
        self._array: np.ndarray | None = None
        self._fits = False
        self._rows: dict[tuple[int, int], Any] = {}

    def __call__(self, array: np.ndarray, start: int, size: int) -> Any:
        """Returns `size` rows from `start` on; the last one repeats to fill up."""
        if array.flags.writeable:
            return self._put(array, start, size)
        if self._array is None or place_of(array) != place_of(self._array):
            self._array, self._rows = array, {}
            self._fits = array.nbytes <= self.mesh.size * share(self.mesh)
        if not self._fits:
            return self._put(array, start, size)
        if (start, size) not in self._rows:
            self._rows[start, size] = self._put(array, start, size)
        return self._rows[start, size]

    def _put(self, array: np.ndarray, start: int, size: int) -> Any:
        return devices.shard(hosts.pad_rows(array[start:], size), self.mesh)


def place_of(array: np.ndarray) -> tuple[Any, ...]:
    """Returns what two arrays have in common only if they are the same memory."""
    return array.ctypes.data, array.shape, array.strides, array.dtype


def batches(arrays: Sequence[np.ndarray], size: int) -> Iterator[list[np.ndarray]]:
    """Yields `size` rows of each array at a time; the last rows repeat to fill up."""
    for start in range(0, len(arrays[0]), size):
        stop = start + size
        yield [hosts.pad_rows(array[start:stop], size) for array in arrays]


def fetch(result: Any, rows: int) -> Any:
    """Returns a tree of JAX's arrays as NumPy's."""
    del rows
    return jax.device_get(result)


def map_rows(
    function: Callable[..., Any],
    *arrays: np.ndarray,
    batch: int,
    mesh: Mesh,
    fetch: Fetch = fetch,
    under_way: int = 1,
    place: Kept | None = None,
    counts: int = 0,
) -> Any:
    """Returns `function(*arrays)`, computed a batch at a time over the devices.

    All batches have one size, so that there is one compilation; what fills up the last
    one is cut off again, so no row is lost and none counts twice. Several processes
    share out the rows, and each gets all results.

    Args:
      function: takes as many rows of each array, sharded over the mesh, to a tree of
        arrays with as many rows.
      *arrays: with N rows each, N ≥ 1.
      batch: most rows a call.
      mesh: devices.
      fetch: waits for a result and returns it as NumPy arrays.
      under_way: batches that are dispatched before the first of them is waited for. Two
        keep the devices busy; but of functions that dispatch many programs only one: a
        CPU device admits 32 programs at a time.
      place: puts the rows of the first array on the mesh; None: and keeps none.
      counts: images that a row is in what is told of the progress.

    Returns:
      The tree, of NumPy arrays with N rows.
    """
    mapped = partial(
        _map_rows,
        function,
        batch=batch,
        mesh=mesh,
        fetch=fetch,
        under_way=under_way,
        place=place or Kept(mesh),
        counts=counts,
    )
    return hosts.shared(mapped, *arrays)


def _map_rows(
    function: Callable[..., Any],
    *arrays: np.ndarray,
    batch: int,
    mesh: Mesh,
    fetch: Fetch,
    under_way: int,
    place: Kept,
    counts: int,
) -> Any:
    count = len(arrays[0])
    size = min(batch, -(-count // mesh.size) * mesh.size)
    waiting: deque[Any] = deque()
    results = []
    first, *others = arrays
    for start in range(0, count, size):
        rest = [hosts.pad_rows(array[start:], size) for array in others]
        placed = place(first, start, size), *devices.shard(rest, mesh)
        waiting.append(function(*placed))
        if len(waiting) == under_way:
            results.append(fetch(waiting.popleft(), size))
            progress.count(size * counts)
    for one in waiting:
        results.append(fetch(one, size))
    progress.count((count - size * (len(results) - len(waiting))) * counts)
    return jax.tree.map(lambda *parts: np.concatenate(parts)[:count], *results)
