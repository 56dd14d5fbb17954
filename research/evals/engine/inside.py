"""Looking inside: a network of ours stage by stage, over arrays of any length.

Every stage is a jitted step of its own, dispatched from Python: it compiles once for
all evaluators, instead of the whole network once for every question asked of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from research.distributed import devices
from research.errors import UserError
from research.evals.engine.batches import Kept, map_rows
from research.evals.engine.modules import (
    apply,
    apply_inside,
    in_inference,
    take_apart,
)
from research.evals.engine.places import Place, find_places
from research.evals.engine.predictor import Stored, Unit, prepare
from research.models.level import Level
from research.models.network import Network
from research.types import Images, LogitMaps, Logits, Map


def require_network(predict: Callable[..., Any], name: str) -> Network:
    """Returns `predict`, which must be a network of this project.

    Args:
      predict: what is to be measured.
      name: of the evaluator, for the error.

    Raises:
      UserError: it is another classifier, which has no stages to look into.
    """
    if not isinstance(predict, Network):
        raise UserError(
            f"eval={name} looks into the stages of a network of this project, and "
            f"predict is a {type(predict).__name__}: leave {name} out of eval"
        )
    return predict


class Inside:
    """A network in inference mode, and batches sharded over the devices.

    Args:
      predict: a network of ours; it is not touched.
      name: of the evaluator, for the error.
      batch: examples a call; the mesh takes the largest number of devices dividing it.

    Attributes:
      places: of the maps that `features` returns behind the images.

    Raises:
      UserError: `predict` is no network of ours.
    """

    def __init__(self, predict: Callable[..., Any], *, name: str, batch: int):
        self.network = in_inference(require_network(predict, name))
        self.batch = batch
        self.mesh = devices.mesh(batch)
        self.kept = Kept(self.mesh)
        self.stages = [take_apart(stage, self.mesh) for stage in self.network.stages]
        self.readout = take_apart(self.network.readout, self.mesh)
        self.places: list[Place] = find_places(self.network)

    @property
    def parts(self) -> list[str]:
        """The class of what makes each map."""
        return [place.name for place in self.places]

    @property
    def ends(self) -> list[int]:
        """The place of the last map of each stage, which is the stage's own."""
        counts = np.bincount([place.stage for place in self.places])
        return (np.cumsum(counts) - 1).tolist()

    @property
    def strides(self) -> list[tuple[int, int]]:
        """The cumulative stride j of each map, (height, width)."""
        return [place.stride for place in self.places]

    def features(self, images: Images) -> list[Map]:
        """Returns the standardised images, then every map, those in levels too."""
        maps = [jnp.asarray(self.network.standardize(images))]
        for stage, parts in zip(self.network.stages, self.stages, strict=True):
            if isinstance(stage, Level):
                maps += apply_inside(*parts, maps[-1])
            else:
                maps.append(apply(*parts, maps[-1]))
        return maps

    def logits_from(self, x: Map, stage: int) -> Logits | LogitMaps:
        """Returns the logits of a map that goes into `stage` (all: the readout)."""
        for parts in [*self.stages[stage:], self.readout]:
            x = apply(*parts, x)
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

        def call(batch: Array, *rest: Array) -> Any:
            return function(prepare(None, batch), *rest)

        return map_rows(
            call,
            images,
            *arguments,
            batch=self.batch,
            mesh=self.mesh,
            place=self.kept,
        )
