"""What a network scores on held-out examples while it is trained."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array

from research.data.split import Split
from research.distributed import devices, hosts
from research.tasks.task import Task


def validate(
    network: nnx.Module, split: Split, *, task: Task, batch_size: int
) -> dict[str, float | int]:
    """Returns the means over a split of the loss that trains and of the task's scores.

    The batches are as large as those of training, since a loss is a mean over a batch
    and may not be one over examples; the remainder is a batch of its own. Each counts
    by its examples. Several processes share the batches.

    Args:
      network: in inference mode, on one device.
      split: at least one example.
      task: what is minimised and what is scored.
      batch_size: of training.

    Returns:
      `examples`, `loss`, and each score by its name.
    """
    starts = np.arange(0, len(split), batch_size, dtype=np.int32)
    graph, state = nnx.split(network)
    state = nnx.as_pure(state)

    def sum_batches(starts: np.ndarray) -> dict[str, np.ndarray]:
        found: list[Any] = []
        for start in starts.tolist():
            rows = split.rows(start, start + batch_size).arrays
            found.append(sum_batch(task, graph, state, rows))
            if len(found) > 1:  # two batches are under way, not all of them
                found[-2] = jax.device_get(found[-2])
        return jax.tree.map(lambda *values: np.stack(values), *found)

    sums = hosts.shared(sum_batches, starts)
    return {"examples": len(split)} | {
        name: float(each.sum(dtype=np.float64)) / len(split)
        for name, each in sums.items()
    }


def sum_batch(
    task: Task, graph: nnx.GraphDef, state: Any, rows: Mapping[str, np.ndarray]
) -> dict[str, Array]:
    """Returns what a batch adds to the loss and to each score, on several devices."""
    mesh = devices.mesh(len(rows["image"]))
    batch = devices.shard(dict(rows), mesh)
    return sum_step(task, graph, devices.replicate(state, mesh), batch)


@partial(jax.jit, static_argnums=(0, 1))
def sum_step(
    task: Task, graph: nnx.GraphDef, state: Any, batch: dict[str, Array]
) -> dict[str, Array]:
    """As `sum_batch`, on the devices where the batch lies; its images are uint8."""
    batch = batch | {"image": batch["image"].astype(jnp.float32) / 255}
    value, outputs = task.loss(nnx.merge(graph, state), batch)
    scores = task.score(outputs, batch)
    total = {"loss": value * len(batch["image"])}
    return total | {name: each.sum() for name, each in scores.items()}
