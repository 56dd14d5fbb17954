"""Looking inside: functions of a network of ours, over arrays of any length."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

import jax
import numpy as np
from flax import nnx
from jaxtyping import Array

from research import devices
from research.errors import UserError
from research.evals.predictor import Stored, Unit, filled, inference, prepared
from research.models.network import Network


class Inside:
    """A network in inference mode, and batches sharded over the devices.

    Args:
      predict: a network of ours; it is not touched.
      name: of the evaluator, for the error.
      batch: examples a call; the mesh takes the largest number of devices dividing it.

    Raises:
      UserError: `predict` is no network of ours, or `batch` is below 1.
    """

    def __init__(self, predict: Callable[..., Any], *, name: str, batch: int):
        if not isinstance(predict, Network):
            raise UserError(
                f"eval={name} looks into the stages of a network of this project, and "
                f"predict is a {type(predict).__name__}: leave {name} out of eval"
            )
        if batch < 1:
            raise UserError(f"eval.{name}.batch={batch}: takes at least 1 example")
        self.network = inference(predict)
        self.batch = batch
        self.mesh = devices.mesh(batch)
        self._graph, state = nnx.split(self.network)
        self._state = devices.replicate(nnx.as_pure(state), self.mesh)

    @property
    def parts(self) -> list[str]:
        """The class of each stage."""
        return [type(stage).__name__ for stage in self.network.stages]

    @property
    def strides(self) -> list[tuple[int, int]]:
        """The cumulative stride j of the map after each stage, (height, width)."""
        rows, columns, product = 1, 1, []
        for stage in self.network.stages:
            rows, columns = rows * stage.stride[0], columns * stage.stride[1]
            product.append((rows, columns))
        return product

    def map(
        self,
        function: Hashable,
        images: Stored | Unit,
        *arguments: np.ndarray,
        shared: tuple[Any, ...] = (),
    ) -> Any:
        """Returns `function(network, images, *arguments, *shared)` over all examples.

        Args:
          function: returns a tree of arrays with one row per example. Jitted and
            remembered by equality: a module-level function, or a frozen dataclass.
          images: (N, H, W, C), uint8 or in [0, 1]; the function gets float32 in [0, 1].
          *arguments: arrays with N rows.
          shared: arrays that all examples see whole.

        Returns:
          The tree, of NumPy arrays with N rows.
        """
        count = len(images)
        size = min(self.batch, -(-count // self.mesh.size) * self.mesh.size)
        shared = devices.replicate(shared, self.mesh)
        results = []
        for start in range(0, count, size):
            stop = start + size
            rows = [filled(part[start:stop], size) for part in (images, *arguments)]
            batch = devices.shard(rows, self.mesh)
            tree = applied(self._graph, function, self._state, shared, *batch)
            results.append(jax.device_get(tree))
        return jax.tree.map(lambda *parts: np.concatenate(parts)[:count], *results)


@partial(jax.jit, static_argnums=(0, 1))
def applied(
    graph: nnx.GraphDef,
    function: Callable[..., Any],
    state: Any,
    shared: tuple[Any, ...],
    images: Array,
    *arguments: Array,
) -> Any:
    """Calls a function with the network put together again."""
    network = nnx.merge(graph, state)
    return function(network, prepared(None, images), *arguments, *shared)
