"""Several processes that run one job: on many hosts, or one per accelerator.

Each of them runs the same command and makes the same decisions. Training is one program
over the devices of all (`devices.world`); everything else happens on a process's own
devices: evaluators share out the examples (`shared`), so each holds all results, and
the first process alone writes them. One process is the special case, in which nothing
here does anything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from research import progress
from research.errors import UserError
from research.files import atomic
from research.ranges import Count, Natural


def join(
    coordinator: str | None = None,
    processes: Count | None = None,
    process: Natural | None = None,
) -> None:
    """Makes this process one of several, before JAX touches a device.

    Args:
      coordinator: HOST:PORT of the first process; `auto`: all three as Slurm, Open MPI,
        Kubernetes or a TPU pod say; None: this process runs alone.
      processes: how many there are.
      process: which one this is, from 0.

    Raises:
      UserError: something is missing, or the others cannot be reached.
    """
    if coordinator is None or jax.distributed.is_initialized():
        return
    try:
        if coordinator == "auto":
            jax.distributed.initialize()
        else:
            jax.distributed.initialize(coordinator, processes, process)
    except (ValueError, RuntimeError) as error:
        raise UserError(
            f"distributed.coordinator={coordinator}: {error}; give "
            "distributed.coordinator=HOST:PORT distributed.processes=N "
            "distributed.process=0…N−1, or distributed.coordinator=auto under Slurm"
        ) from error
    if not leads():
        atomic.writes = False
        progress.console.quiet = True


def leads() -> bool:
    """Whether this process is the first, which writes."""
    return jax.process_index() == 0


def agree_on(value: int) -> int:
    """Returns the value that the first process gives, in all of them."""
    if jax.process_count() == 1:
        return value
    return int(multihost_utils.broadcast_one_to_all(np.int32(value)))


def reduce_max(*values: int, now: bool) -> list[int]:
    """Returns the largest that any process gives of each value, in all of them.

    Args:
      *values: of this process, not negative.
      now: whether this is a moment to ask the others, the same in all processes, for
        asking waits for them; if not, the values are 0. One process needs no such
        moment.
    """
    if jax.process_count() == 1:
        return list(values)
    if not now:
        return [0] * len(values)
    every = multihost_utils.process_allgather(np.array(values, np.int32))
    return every.max(0).tolist()


def barrier(name: str) -> None:
    """Waits until every process is here."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(name)


def shared(function: Callable[..., Any], *arrays: Any) -> Any:
    """Returns `function(*arrays)`, of which each process computes an equal part.

    Args:
      function: takes any number of rows of each array to a tree of NumPy arrays with as
        many rows, of at most 32 bits.
      *arrays: with as many rows each.
    """
    processes, count = jax.process_count(), len(arrays[0])
    if processes == 1:
        return function(*arrays)
    size = -(-count // processes)
    start = jax.process_index() * size
    part = function(*(pad_rows(rows[min(start, count - 1) :], size) for rows in arrays))
    whole = multihost_utils.process_allgather(part, tiled=True)
    return jax.tree.map(lambda array: array[:count], whole)


def pad_rows(rows: Any, size: int) -> Any:
    """Returns exactly `size` rows, repeating the last where there are fewer.

    Args:
      rows: a NumPy array with at least one row.
      size: how many rows to return.
    """
    kept = rows[:size]
    missing = [(0, size - len(kept))] + [(0, 0)] * (kept.ndim - 1)
    return np.pad(kept, missing, "edge") if len(kept) < size else kept
