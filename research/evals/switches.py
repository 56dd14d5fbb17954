"""How much max pooling loses by not keeping where each maximum came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float

from research.data.split import Split
from research.downsample import Downsample
from research.downsample.reduce import Max
from research.errors import UserError
from research.evals.engine.inside import Inside, require_network
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.models.level import Level
from research.nn.signal import pad
from research.nn.windows import windows
from research.types import Count, Images, Map, Stride

Switched = Bool[Array, "_batch _height _width _channels"]


@dataclass(frozen=True)
class Switches(Evaluator):
    """Reconstructs the map before each max pooling from the pooled values.

    Without switches (`spread`), each value fills its window, times the one factor that
    fits all examples best in least squares; values of overlapping windows are averaged.
    With the arg-max positions ("switches") each value goes back to where it was;
    everything else is zero (`zero`, Zeiler's unpooling), or the value times a factor of
    its own (`spread`). The two spread forms differ by the positions alone. A lowpass or
    another phase after the maximum is not considered.

    Yields per max pooling `error` = ‖x̂ − x‖ / ‖x‖ and `cosine`, with the parameters
    `switches` (true or false) and `elsewhere` (`spread` or `zero`), over examples whose
    map is not all zero; the `factor` is kept beside the errors. A network without max
    pooling has no rows.

    Attributes:
      examples: how many, from the first.
      batch: examples a call.

    References:
      M. D. Zeiler, R. Fergus, Visualizing and Understanding Convolutional Networks,
      ECCV 2014, arXiv:1311.2901 (unpooling with switches).
    """

    name: ClassVar[str] = "switches"
    examples: Count = 512
    batch: Count = 128

    def check(self, predict: Callable[..., Any], split: Split) -> None:
        """Refuses other classifiers, and networks that go up again."""
        network = require_network(predict, self.name)
        if any(isinstance(stage, Level) for stage in network.stages):
            raise UserError(
                "eval=switches takes networks that go down only, and this one goes up "
                "again: leave switches out of eval"
            )

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the measurements, pooling by pooling."""
        inside = Inside(predict, name=self.name, batch=self.batch)
        stages = enumerate(inside.network.stages)
        indices = [index for index, stage in stages if is_max_pooling(stage)]

        def tables(images: Images) -> list[Float[Array, "batch 6"]]:
            maps = inside.features(images)
            return [moments(*inside.stages[index], maps[index]) for index in indices]

        found = inside.map(tables, split.first(self.examples).images)
        for index, table in zip(indices, found, strict=True):
            params = {"index": index, "part": inside.parts[index]}
            yield from reconstruct(np.asarray(table, np.float64), params)


def reconstruct(
    table: Float[np.ndarray, "examples 6"], params: dict[str, Any]
) -> Iterator[Measurement]:
    """Yields the error and the cosine of each reconstruction.

    Args:
      table: as `moments` returns it.
      params: of the rows.
    """
    whole, kept, *products = table[table[:, 0] > 0].T
    nothing = np.zeros_like(whole)
    for switches, elsewhere, known, (inner, square) in (
        (False, "spread", nothing, products[:2]),
        (True, "zero", kept, [nothing, nothing]),
        (True, "spread", kept, products[2:]),
    ):
        factor = inner.sum() / square.sum() if square.any() else 0.0
        overlap = known + factor * inner  # ⟨x, x̂⟩
        size = known + factor**2 * square  # ‖x̂‖²
        lost = np.maximum(whole - 2 * overlap + size, 0)
        how = params | {"switches": switches, "elsewhere": elsewhere}
        row = partial(Measurement.of_examples, "switches", params=how)
        error, arrays = np.sqrt(lost / whole), {"factor": np.array(factor)}
        yield row("error", error, bounds=None, arrays=arrays)
        cosine = overlap / np.sqrt(whole * np.where(size > 0, size, 1))
        yield row("cosine", cosine, bounds=(-1.0, 1.0))


def is_max_pooling(stage: Any) -> bool:
    """Whether a stage takes a maximum and samples it."""
    return isinstance(stage, Downsample) and isinstance(stage.reduce, Max)


@partial(jax.jit, static_argnums=0)
def moments(graph: nnx.GraphDef, state: Any, x: Map) -> Float[Array, "batch 6"]:
    """Returns the terms of the errors, for the map x before a max pooling.

    ‖x‖², ‖x at the switches‖²; ⟨x, s⟩ and ‖s‖² of the spread values s; and of s with
    zeros at the switches.
    """
    stage = nnx.merge(graph, state)
    chosen, spread = unpool(stage.reduce, stage.stride, x)
    kept, around = jnp.where(chosen, x, 0), jnp.where(chosen, 0, spread)
    products = [x * x, kept * kept]
    products += [x * spread, spread**2, x * around, around**2]
    return jnp.stack([p.sum((1, 2, 3)) for p in products], -1)


def unpool(reduce: Max, stride: Stride, x: Map) -> tuple[Switched, Map]:
    """Returns where a map has its switches, and its pooled values spread evenly.

    Both come from the transposes of the pooling, so that any window, stride and padding
    will do: the gradient of a maximum is where it came from, that of a sum is the
    window. Equal maxima of one window all count as its switch.
    """
    pooled, back = jax.vjp(lambda x: reduce(x, stride), x)
    (switches,) = back(jnp.ones_like(pooled))

    def total(x: Map) -> Map:
        parts = windows(pad(x, reduce.window, reduce.padding), reduce.window, stride)
        return sum(parts[1:], parts[0])

    _, out = jax.vjp(total, x)
    (sums,), (times,) = out(pooled), out(jnp.ones_like(pooled))
    return switches > 0, sums / jnp.maximum(times, 1)
