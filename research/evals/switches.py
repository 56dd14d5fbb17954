"""What max pooling throws away by not saying where each maximum came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from research.data.split import Split
from research.downsample import Downsample
from research.downsample.reduce import Max
from research.evals.engine.inside import Inside
from research.evals.measurement import Measurement
from research.nn.signal import pad, windows
from research.types import Images, Map


def evaluate(
    predict: Callable[..., Any],
    split: Split,
    *,
    examples: int = 512,
    batch: int = 128,
) -> Iterator[Measurement]:
    """Reconstructs the map before each max pooling from the pooled values.

    `spread` without switches: each value fills its window, times the one factor that is
    best in least squares over all examples; values of overlapping windows are averaged.
    With the arg-max positions ("switches") each value goes back to where it was, and
    elsewhere stand zeros (`zero`, Zeiler's unpooling), or the value times a factor of
    its own (`spread`). The two that spread differ by the positions alone. A lowpass or
    another phase after the maximum is not looked at.

    Args:
      predict: a network of ours; without max pooling there are no rows.
      split: images.
      examples: how many, from the first.
      batch: examples a call.

    Yields:
      Per max pooling `error` = ‖x̂ − x‖ / ‖x‖ and `cosine`, with the parameters
      `switches` (true or false) and `elsewhere` (`spread` or `zero`), over examples
      whose map is not all zero; beside the errors stands the `factor`.

    Raises:
      UserError: not a network of ours.

    References:
      M. D. Zeiler, R. Fergus, Visualizing and Understanding Convolutional Networks,
      ECCV 2014, arXiv:1311.2901 (unpooling with switches).
    """
    inside = Inside(predict, name="switches", batch=batch)
    indices = [i for i, stage in enumerate(inside.network.stages) if pools(stage)]

    def tables(images: Images) -> list[Float[Array, "batch 6"]]:
        maps = inside.features(images)
        return [moments(*inside.stages[index], maps[index]) for index in indices]

    found = inside.map(tables, split.first(examples, "eval.switches.examples").images)
    for index, table in zip(indices, found, strict=True):
        table = np.asarray(table, np.float64)
        whole, kept, *products = table[table[:, 0] > 0].T
        spread, around = products[:2], products[2:]
        nothing = [np.zeros_like(whole)] * 2
        for switches, elsewhere, known, (inner, square) in (
            (False, "spread", np.zeros_like(whole), spread),
            (True, "zero", kept, nothing),
            (True, "spread", kept, around),
        ):
            factor = inner.sum() / square.sum() if square.any() else 0.0
            shared = known + factor * inner  # ⟨x, x̂⟩
            size = known + factor**2 * square  # ‖x̂‖²
            lost = np.maximum(whole - 2 * shared + size, 0)
            params = {
                "index": index,
                "part": inside.parts[index],
                "switches": switches,
                "elsewhere": elsewhere,
            }
            yield Measurement.of_examples(
                "switches",
                "error",
                np.sqrt(lost / whole),
                params=params,
                bounds=None,
                arrays={"factor": np.array(factor)},
            )
            cosine = shared / np.sqrt(whole * np.where(size > 0, size, 1))
            yield Measurement.of_examples(
                "switches", "cosine", cosine, params=params, bounds=(-1.0, 1.0)
            )


def pools(stage: Any) -> bool:
    """Whether a stage takes a maximum and samples it."""
    return isinstance(stage, Downsample) and isinstance(stage.reduce, Max)


@partial(jax.jit, static_argnums=0)
def moments(graph: nnx.GraphDef, state: Any, x: Map) -> Float[Array, "batch 6"]:
    """Returns what the errors are made of, for the map x before a max pooling.

    ‖x‖², ‖x at the switches‖²; ⟨x, s⟩ and ‖s‖² of the spread values s; and of s with
    zeros at the switches.
    """
    kept, spread = unpooled(nnx.merge(graph, state), x)
    around = jnp.where(kept != 0, 0, spread)
    products = (x * x, kept * kept)
    products += (x * spread, spread**2, x * around, around**2)
    return jnp.stack([p.sum((1, 2, 3)) for p in products], -1)


def unpooled(stage: Downsample, x: Map) -> tuple[Map, Map]:
    """Returns the map rebuilt from its pooled values, with switches and spread evenly.

    Both come from the transposes of the pooling, so that any window, stride and padding
    will do: the gradient of a maximum is where it came from, that of a sum is the
    window. Equal maxima of one window all count as its switch.
    """
    reduce, stride = stage.reduce, stage.stride
    pooled, back = jax.vjp(lambda x: reduce(x, stride), x)
    (switches,) = back(jnp.ones_like(pooled))

    def total(x: Map) -> Map:
        parts = windows(pad(x, reduce.window, reduce.padding), reduce.window, stride)
        return sum(parts[1:], parts[0])

    _, out = jax.vjp(total, x)
    (sums,), (times,) = out(pooled), out(jnp.ones_like(pooled))
    return jnp.where(switches > 0, x, 0), sums / jnp.maximum(times, 1)
