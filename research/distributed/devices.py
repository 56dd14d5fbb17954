"""The device mesh: training and evaluation are always data-parallel over it.

One device is the special case; many accelerators, those of many hosts, and the cores of
a CPU as one virtual device each, are the same code path. Call `use_virtual_cpus` before
JAX touches a device.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from research.cores import count_cores
from research.distributed import backend, determinism, hosts, seeds
from research.errors import UserError
from research.nn.cpu.memory import keep_freed_memory

UNSTORED = "Error writing persistent compilation cache entry .*bad_alloc"
SPLIT = 2**14  # values below which an array is not worth the messages of splitting it


def use_virtual_cpus(count: int | None = None) -> None:
    """Makes the CPU `count` devices (default: one per core), each single-threaded.

    On two cores this trains 1.7–2.5× faster than one device with XLA's own threads. It
    concerns only the CPU backend: with an accelerator nothing changes. Flags that the
    user has set in XLA_FLAGS win.
    """
    count = count or count_cores()
    add_flags(
        {
            "--xla_force_host_platform_device_count": str(count),
            "--xla_cpu_multi_thread_eigen": "false",
        }
    )


def keep_barriers() -> None:
    """Has XLA's compiler keep optimisation barriers until it has fused.

    The one for CPUs would drop them before, so that each reader of a map computes it
    anew (`research.nn.cpu.materialize`). Kept, they take 5 % off a step of ResNet-20
    and a fifth off its compilation. Compilers for accelerators need the pass that this
    leaves out.
    """
    add_flags({"--xla_disable_hlo_passes": "cse_barrier_expander"})


def add_flags(ours: Mapping[str, str]) -> None:
    """Adds to XLA_FLAGS those of our flags that the user has not set there."""
    flags = os.environ.get("XLA_FLAGS", "")
    added = [f"{flag}={value}" for flag, value in ours.items() if flag not in flags]
    os.environ["XLA_FLAGS"] = " ".join([flags, *added]).strip()


def use_compilation_cache(folder: str | Path) -> None:
    """Keeps compiled programs on disk, for a second process to start at once.

    JAX_COMPILATION_CACHE_DIR wins; set it to an empty string to switch the cache off.
    """
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", str(Path(folder).absolute()))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    # A program with a call of oneDNN cannot be stored, and JAX would say so each time.
    warnings.filterwarnings("ignore", UNSTORED, UserWarning)


def prepare(
    root: str | Path,
    distributed: Mapping[str, Any] | None = None,
    *,
    deterministic: bool = False,
) -> None:
    """Sets JAX up for a script whose outputs go to `root`.

    Args:
      root: folder of outputs.
      distributed: arguments of `hosts.join`; None: this process runs alone.
      deterministic: whether a GPU's results are to be the same each time; see
        `research.distributed.determinism`.

    Raises:
      UserError: the other processes cannot be reached, or it is too late for
        `deterministic`, or XLA_FLAGS contradict it; or JAX's environment changes what a
        seed means.
    """
    seeds.require_settings()
    cache = Path(root) / ".cache" / "jax"
    determinism.prepare(deterministic, cache)
    if backend.will_be_cpu():
        keep_freed_memory()
        keep_barriers()
    use_virtual_cpus()
    use_compilation_cache(cache)
    hosts.join(**(distributed or {}))


def mesh(batch: int | None = None) -> Mesh:
    """Returns a one-axis mesh `data` over the devices of this process.

    Args:
      batch: examples per step; the mesh takes the largest number of devices that
        divides it. None: all devices.
    """
    devices = jax.local_devices()
    return Mesh(np.array(devices[: divisor(batch, len(devices))]), ("data",))


def find_cpu() -> Any | None:
    """Returns a CPU device of this process, None where JAX_PLATFORMS leaves it out."""
    try:
        return jax.local_devices(backend="cpu")[0]
    except RuntimeError:
        return None


def world(batch: int) -> Mesh:
    """Returns a one-axis mesh `data` over the devices of all processes, for training.

    It takes equally many of each process, in the order of the processes, so that each
    feeds as many consecutive rows of a batch (`rows`).

    Args:
      batch: examples per step; the mesh takes the largest number of devices that
        divides it.

    Raises:
      UserError: the number of processes does not divide the batch.
    """
    count = jax.process_count()
    if batch % count:
        raise UserError(
            f"train.batch_size / train.accumulate = {batch} for {count} processes: "
            f"takes a multiple of {count} (distributed.processes)"
        )
    groups = [jax.local_devices(process_index=process) for process in range(count)]
    size = divisor(batch // count, min(map(len, groups)))
    return Mesh(np.concatenate([group[:size] for group in groups]), ("data",))


def divisor(batch: int | None, most: int) -> int:
    """Returns the largest divisor of `batch` that is not above `most`."""
    return next(n for n in range(most, 0, -1) if batch is None or batch % n == 0)


def layout(tree: Any, over: Mesh, *, sharded: bool) -> Any:
    """Returns how each array of a tree lies on a mesh: whole on each device, or split.

    Split (ZeRO, FSDP), an array of at least `SPLIT` values is cut along its largest
    axis that the number of devices divides, so each device holds its share of it.

    Args:
      tree: arrays.
      over: the mesh.
      sharded: whether to split.

    Returns:
      A tree of shardings.

    References:
      S. Rajbhandari, J. Rasley, O. Ruwase, Y. He, ZeRO: Memory Optimizations Toward
      Training Trillion Parameter Models, SC 2020, arXiv:1910.02054.
    """

    def one(array: Any) -> NamedSharding:
        axes = [a for a, size in enumerate(array.shape) if size % over.size == 0]
        if not sharded or not axes or array.size < SPLIT:
            return NamedSharding(over, PartitionSpec())
        axis = max(axes, key=lambda a: array.shape[a])
        return NamedSharding(over, PartitionSpec(*[None] * axis, "data"))

    return jax.tree.map(one, tree)


def place_whole(over: Mesh) -> NamedSharding:
    """Returns the sharding of an array that lies whole on each device of a mesh."""
    return NamedSharding(over, PartitionSpec())


def put(tree: Any, shardings: Any) -> Any:
    """Places arrays as `shardings` say; all processes that these name hold the same."""
    if all(place.is_fully_addressable for place in jax.tree.leaves(shardings)):
        return jax.device_put(tree, shardings)
    return jax.jit(lambda tree: tree, out_shardings=shardings)(tree)


def shard(tree: Any, over: Mesh) -> Any:
    """Puts arrays on the mesh, their first axis split over its devices."""
    return put(tree, NamedSharding(over, PartitionSpec("data")))


def replicate(tree: Any, over: Mesh) -> Any:
    """Puts a whole copy of every array on each device of the mesh."""
    return put(tree, NamedSharding(over, PartitionSpec()))


def whole(tree: Any, over: Mesh) -> Any:
    """Returns arrays of a mesh as whole ones on the first device of this process."""
    return jax.tree.map(lambda x: x.addressable_data(0), replicate(tree, over))


def rows(batch: int) -> slice:
    """Returns the rows of a batch that this process feeds to `world(batch)`."""
    size = batch // jax.process_count()
    return slice(jax.process_index() * size, (jax.process_index() + 1) * size)


def assemble(tree: Any, over: Mesh, axis: int = 0) -> Any:
    """Makes batches on `world(…)` of the `rows` of them that each process gives.

    Args:
      tree: arrays.
      over: the mesh.
      axis: of the examples; 1 where the batches of several steps are stacked.
    """
    sharding = NamedSharding(over, PartitionSpec(*[None] * axis, "data"))
    build = partial(jax.make_array_from_process_local_data, sharding)
    return jax.tree.map(build, tree)
