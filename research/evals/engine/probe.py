"""A small convolutional probe of maps: what can be read from cells of one size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float, Float32, Int

from research.evals.engine.batches import batches
from research.nn.layers import Conv, Dense
from research.types import Labels, Logits, Map, Stride

Maps = Float32[np.ndarray, "_examples _height _width _channels"]
Classes = Int[np.ndarray, " examples"]
ADAM = optax.scale_by_adam()


@dataclass(frozen=True)
class Budget:
    """What a probe is, and for how long it is trained; the same for every map.

    Attributes:
      width: channels of each layer.
      steps: of Adam.
      minibatch: examples a step.
      learning_rate: of the first step; it falls to 0 along a cosine.
    """

    width: int
    steps: int
    minibatch: int
    learning_rate: float


class Probe(nnx.Module):
    """1×1 conv – 3×3 conv – ReLU – 3×3 conv – ReLU – mean and maximum – dense.

    The first layer, which is linear, brings maps of any number of channels to the same
    one. The second and third see 5×5 cells. The mean and the maximum over all
    cells drop where in the map something was found.

    Args:
      inputs: channels of a cell.
      classes: answers.
      width: channels of each layer.
      rngs: draws the parameters.
    """

    def __init__(self, inputs: int, classes: int, width: int, *, rngs: nnx.Rngs):
        self.mix = Conv(inputs, width, 1, rngs=rngs)
        self.near = Conv(width, width, 3, rngs=rngs)
        self.far = Conv(width, width, 3, rngs=rngs)
        self.answer = Dense(2 * width, classes, rngs=rngs)

    def __call__(self, x: Map) -> Logits:
        """Returns the logits of the classes."""
        x = nnx.relu(self.far(nnx.relu(self.near(self.mix(x)))))
        found = jnp.concatenate([x.mean((1, 2)), x.max((1, 2))], -1)
        return self.answer(found)


def to_cells(maps: Maps, block: Stride) -> Maps:
    """Returns a map whose positions are blocks of positions, side by side as channels.

    (N, H, W, C) → (N, ⌊H/b_h⌋, ⌊W/b_w⌋, b_h·b_w·C), which can be written to; what fills
    no block is cut off at the lower and right border.

    Args:
      maps: of any size of at least a block.
      block: (b_h, b_w).
    """
    count, height, width, channels = maps.shape
    rows, columns = height // block[0], width // block[1]
    whole = maps[:, : rows * block[0], : columns * block[1]]
    parts = whole.reshape(count, rows, block[0], columns, block[1], channels)
    cells = parts.transpose(0, 1, 3, 2, 4, 5).reshape(count, rows, columns, -1)
    return np.require(cells, requirements=["C", "W"])


def standardize(maps: Maps, others: Maps) -> None:
    """Brings each channel of the first maps to mean 0 and deviation 1, in place.

    A channel that never changes becomes 0. Maps of high resolution are large, so that
    there is no second copy of them.

    Args:
      maps: which give the mean and the deviation of each channel.
      others: are brought to the same scale.
    """
    mean = maps.mean((0, 1, 2), dtype=np.float64)
    squares = np.einsum("nhwc,nhwc->c", maps, maps, dtype=np.float64)
    variance = squares / (maps.size / maps.shape[-1]) - mean**2
    deviation = np.sqrt(np.maximum(variance, 0))
    changes = deviation > 1e-6 * np.abs(mean)  # what is less, float32 has rounded
    scale = np.divide(1, deviation, out=np.zeros_like(deviation), where=changes)
    for part in (maps, others):
        part -= mean.astype(np.float32)
        part *= scale.astype(np.float32)


def fit_probe(
    maps: Maps, targets: Classes, classes: int, budget: Budget, seed: int
) -> Probe:
    """Returns a probe trained by Adam on the cross-entropy.

    Args:
      maps: standardised.
      targets: of each.
      classes: how many there are.
      budget: of the probe.
      seed: of its parameters and of the order of the examples.
    """
    rngs = nnx.Rngs(seed)
    probe = Probe(maps.shape[-1], classes, budget.width, rngs=rngs)
    graph, params = nnx.split(probe)
    params = nnx.as_pure(params)
    moments = ADAM.init(params)
    orders = draw_orders(len(maps), min(budget.minibatch, len(maps)), seed)
    for number, chosen in zip(range(budget.steps), orders, strict=False):
        fall = (1 + np.cos(np.pi * number / budget.steps)) / 2
        rate = jnp.float32(budget.learning_rate * fall)
        x, y = jnp.asarray(maps[chosen]), jnp.asarray(targets[chosen])
        params, moments = step(graph, params, moments, rate, x, y)
    return nnx.merge(graph, params)


def draw_orders(examples: int, minibatch: int, seed: int) -> Iterator[np.ndarray]:
    """Yields the examples of each step without end, each example once an epoch.

    What is left at the end of an epoch and fills no minibatch waits for the next one.
    """
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(examples)
        for start in range(0, examples - minibatch + 1, minibatch):
            yield order[start : start + minibatch]


@partial(jax.jit, static_argnums=0)
def step(
    graph: nnx.GraphDef,
    params: Any,
    moments: Any,
    rate: Float[Array, ""],
    x: Map,
    y: Labels,
) -> tuple[Any, Any]:
    """Returns the parameters and Adam's moments after one step."""

    def loss(params: Any) -> Float[Array, ""]:
        logits = nnx.merge(graph, params)(x)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    updates, moments = ADAM.update(jax.grad(loss)(params), moments, params)
    return jax.tree.map(lambda p, u: p - rate * u, params, updates), moments


def ask_probe(probe: Probe, maps: Maps, batch: int) -> Classes:
    """Returns the answer to each map.

    Args:
      probe: trained.
      maps: standardised.
      batch: examples a call.
    """
    graph, params = nnx.split(probe)
    parts = [
        answer(graph, nnx.as_pure(params), jnp.asarray(x))
        for (x,) in batches([maps], batch)
    ]
    return np.concatenate(parts)[: len(maps)]


@partial(jax.jit, static_argnums=0)
def answer(graph: nnx.GraphDef, params: Any, x: Map) -> Labels:
    """Returns the class with the largest logit."""
    return nnx.merge(graph, params)(x).argmax(-1)
