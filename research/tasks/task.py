"""Tasks: the one kind of object that knows what a label looks like.

A batch is a dict of arrays with one row per example: `image` always, and what the data
set has besides: `label`, `mask`, `position`. A network's outputs are any pytree of
arrays with as many rows. Nothing outside `research.tasks` looks into either.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Real

Batch = Mapping[str, Any]  # name → array with one row per example
Outputs = Any  # a pytree of arrays with one row per example
PerExample = Float[Any, " batch"]


@runtime_checkable
class Task(Hashable, Protocol):
    """Defines what is minimised, what is right, and what a shift does to an answer.

    `loss` is traced by JAX. The others take JAX's arrays and NumPy's alike. Tasks are
    compared and hashed, since compiled programs are remembered by them: a frozen
    dataclass is one.
    """

    @property
    def scores(self) -> tuple[str, ...]:
        """The measures that `score` returns."""
        ...

    def loss(self, network: Any, batch: Batch) -> tuple[Float[Array, ""], Outputs]:
        """Returns the mean loss that training minimises, and the network's outputs.

        It gets the network rather than its outputs, since some losses need more of it,
        as the capsule network's reconstruction does. Terms that modules bring of their
        own are added in the step (`research.nn.regularization`).
        """
        ...

    def score(self, outputs: Outputs, batch: Batch) -> dict[str, PerExample]:
        """Returns how right each answer is, by measure: `{"accuracy": 0 or 1 each}`."""
        ...

    def undo(self, outputs: Outputs, offsets: Real[Any, "batch 2"]) -> Outputs:
        """Takes a shift of the images back out of the answers.

        Args:
          outputs: of the shifted images.
          offsets: (dy, dx) in pixels by which each image was shifted, whole or in
            fractions.
        """
        ...

    def agreement(self, a: Outputs, b: Outputs) -> PerExample:
        """Returns how much two answers to each example agree, in [0, 1]."""
        ...


def check(task: Task, network: nnx.Module, examples: Batch) -> None:
    """Traces the loss and the scores of a network on one example; computes nothing.

    Args:
      task: of the network.
      network: stays as it is.
      examples: any number of them, of which only shapes and dtypes count; `image` as
        stored.

    Raises:
      UserError: the task is not made for the network or the data; as the task says.
    """
    graph, state = nnx.split(network)
    one = {
        name: jax.ShapeDtypeStruct((1, *rows.shape[1:]), rows.dtype)
        for name, rows in examples.items()
    }
    one["image"] = jax.ShapeDtypeStruct(one["image"].shape, jnp.float32)

    def trace(state: Any, batch: Batch) -> Any:
        value, outputs = task.loss(nnx.merge(graph, state), batch)
        return value, task.score(outputs, batch)

    jax.eval_shape(trace, state, one)
