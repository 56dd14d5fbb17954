"""Looking inside: a network of ours stage by stage, over arrays of any length.

Every stage is a jitted step of its own, dispatched from Python: it compiles once for
all evaluators, instead of the whole network once for every question asked of it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array

from research.distributed import devices, hosts
from research.errors import UserError
from research.evals.engine.predictor import Stored, Unit, filled, inference, prepared
from research.models.network import Network
from research.types import Images, Logits, Map

Step = tuple[nnx.GraphDef, Any]  # a module taken apart: graph and pure state


class Inside:
    """A network in inference mode, and batches sharded over the devices.

    Several processes share out the examples, and each gets all results.

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
        self.stages = [self._placed(stage) for stage in self.network.stages]
        self.readout = self._placed(self.network.readout)

    def _placed(self, part: nnx.Module) -> Step:
        graph, state = nnx.split(part)
        return graph, devices.replicate(nnx.as_pure(state), self.mesh)

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

    def features(self, images: Images) -> list[Map]:
        """Returns the standardised images, then the map after each stage."""
        maps = [jnp.asarray(self.network.standardize(images))]
        for stage in self.stages:
            maps.append(forward(*stage, maps[-1]))
        return maps

    def onward(self, x: Map, stage: int) -> Logits:
        """Returns the logits of a map that goes into `stage` (all: the readout)."""
        for step in [*self.stages[stage:], self.readout]:
            x = forward(*step, x)
        return x.astype(jnp.float32)

    def map(
        self,
        function: Callable[..., Any],
        images: Stored | Unit,
        *arguments: np.ndarray,
    ) -> Any:
        """Returns `function(images, *arguments)` over all examples.

        Args:
          function: called with a batch at a time, sharded; returns a tree of arrays
            with one row per example.
          images: (N, H, W, C), uint8 or in [0, 1]; the function gets float32 in [0, 1].
          *arguments: arrays with N rows.

        Returns:
          The tree, of NumPy arrays with N rows.
        """
        return hosts.shared(partial(self._map, function), images, *arguments)

    def _map(self, function: Callable[..., Any], *arrays: np.ndarray) -> Any:
        images, *arguments = arrays
        count = len(images)
        size = min(self.batch, -(-count // self.mesh.size) * self.mesh.size)
        results = []
        for start in range(0, count, size):
            stop = start + size
            rows = [filled(part[start:stop], size) for part in (images, *arguments)]
            batch, *rest = devices.shard(rows, self.mesh)
            results.append(jax.device_get(function(prepared(None, batch), *rest)))
        return jax.tree.map(lambda *parts: np.concatenate(parts)[:count], *results)


@partial(jax.jit, static_argnums=0)
def forward(graph: nnx.GraphDef, state: Any, x: Map) -> Array:
    """Applies a stage, or the readout, taken apart."""
    return nnx.merge(graph, state)(x)
