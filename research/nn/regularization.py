"""Losses that modules add to that of the task, such as a downsampler's.

In training a module keeps what its terms need in a variable of its own, as a batch norm
keeps its statistics, and says in `regularize` what the objective is with them. The step
asks for the objective of the network and knows no module by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from flax import nnx
from jaxtyping import Array, Float


class Terms(nnx.Variable):
    """What a module measured in its last call in training."""


@runtime_checkable
class Regularized(Protocol):
    """A module with an objective of its own."""

    def regularize(
        self, loss: Float[Array, ""], batch: Mapping[str, Any]
    ) -> Float[Array, ""]:
        """Returns the objective of this module.

        Args:
          loss: of the task.
          batch: that the module was called with last; `epoch` counts from 0 and has one
            entry per example.
        """
        ...


def regularize(
    network: nnx.Module, loss: Float[Array, ""], batch: Mapping[str, Any]
) -> Float[Array, ""]:
    """Returns the mean objective of the regularised modules; without any, the loss.

    Args:
      network: after its call with the batch, in training mode.
      loss: of the task.
      batch: arrays with one row per example.
    """
    parts = [part for _, part in nnx.iter_modules(network)]
    objectives = [
        part.regularize(loss, batch) for part in parts if isinstance(part, Regularized)
    ]
    return sum(objectives[1:], objectives[0]) / len(objectives) if objectives else loss
