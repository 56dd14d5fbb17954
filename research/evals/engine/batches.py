"""The one loop over batches: equal in size, sharded over the devices, none lost."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from research.distributed import devices, hosts

Fetch = Callable[[Any, int], Any]  # fetch(result, rows) → tree of NumPy arrays


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

    Returns:
      The tree, of NumPy arrays with N rows.
    """
    mapped = partial(
        _map_rows, function, batch=batch, mesh=mesh, fetch=fetch, under_way=under_way
    )
    return hosts.shared(mapped, *arrays)


def _map_rows(
    function: Callable[..., Any],
    *arrays: np.ndarray,
    batch: int,
    mesh: Mesh,
    fetch: Fetch,
    under_way: int,
) -> Any:
    count = len(arrays[0])
    size = min(batch, -(-count // mesh.size) * mesh.size)
    waiting: deque[Any] = deque()
    results = []
    for rows in batches(arrays, size):
        waiting.append(function(*devices.shard(rows, mesh)))
        if len(waiting) == under_way:
            results.append(fetch(waiting.popleft(), size))
    results += [fetch(one, size) for one in waiting]
    return jax.tree.map(lambda *parts: np.concatenate(parts)[:count], *results)
