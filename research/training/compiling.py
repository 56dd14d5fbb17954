"""What a step takes, from compiling it alone: nothing is trained or written."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import jax
import optax
from flax import nnx

from research.data.split import Split
from research.data.stream import Stream
from research.distributed import devices
from research.tasks.task import Task
from research.training.averaging import Averaging
from research.training.batches import Resident, feed
from research.training.settings import Training
from research.training.step import Augment, Trainer

MEMORY = {  # what the compiler says, of each device → its name here
    "argument_size_in_bytes": "state and batch, MiB",
    "temp_size_in_bytes": "while it runs, MiB more",
}


def compile_alone(
    network: nnx.Module,
    split: Split | Stream,
    *,
    task: Task,
    optimizer: optax.GradientTransformation,
    augment: Augment,
    training: Training,
    seed: int,
    averaging: Callable[..., Averaging] | None = None,
) -> dict[str, float]:
    """Compiles the first dispatch of a training; see `research.training.loop.fit`.

    Returns:
      By name: seconds to compile; memory of each device and floating-point operations
      of the dispatch, as far as the compiler counts them.
    """
    plan = training.plan(len(split), seed=seed)
    mesh = devices.world(training.part)
    trainer = Trainer(
        network,
        task=task,
        optimizer=optimizer,
        augment=augment,
        dtype=training.dtype,
        seed=seed,
        mesh=mesh,
        shard_state=training.shard_state,
        averaging=averaging and averaging(steps=len(plan)),
        accumulate=training.accumulate,
    )
    source = feed(split, mesh, device_bytes=training.device_bytes)
    resident = isinstance(source, Resident)
    most = training.steps_of_a_dispatch(plan, resident=resident)
    steps = next(plan.dispatches(0, most))
    with closing(source.batches(plan, 0, lambda: False, most)) as batches:
        batch = next(batches)
    started = time.monotonic()
    compiled = trainer.compile(batch, several=len(steps) > 1)
    found: dict[str, float] = {"steps of a program": float(len(steps))}
    found["seconds to compile"] = time.monotonic() - started
    return found | describe_memory(compiled) | describe_work(compiled, mesh)


def describe_memory(compiled: jax.stages.Compiled) -> dict[str, float]:
    """Returns MiB on each device by name, where the compiler says so."""
    known: Any = compiled.memory_analysis()
    return {
        name: getattr(known, key) / 2**20
        for key, name in MEMORY.items()
        if getattr(known, key, None) is not None
    }


def describe_work(
    compiled: jax.stages.Compiled, mesh: jax.sharding.Mesh
) -> dict[str, float]:
    """Returns the floating-point operations that the compiler counts, of all devices.

    Those of calls to other libraries, such as oneDNN's convolutions, are not counted.
    """
    known: Any = compiled.cost_analysis() or {}
    known = known[0] if isinstance(known, list) else known
    flops = known.get("flops", 0.0)
    return {"GFLOP": flops * mesh.size / 1e9} if flops > 0 else {}
