"""Where position is lost: reading an object's place out of each stage's map."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import prod
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int, Shaped

from research.data.split import Split
from research.errors import UserError
from research.evals.embed import Embed, draw_places, fitted
from research.evals.engine.inside import Inside
from research.evals.engine.predictor import prepared
from research.evals.measurement import Measurement
from research.models.network import Network
from research.types import Images, Map

STRENGTHS = {1: 0.0, 2: 0.5}  # of the second object, by their number
PENALTIES = np.logspace(-4, 4, 17).astype(np.float32)
FEWEST = 16
STARTS = {"bias": 0.0, "mean": 0.0, "scale": 1.0, "var": 1.0}  # names of Flax


def evaluate(
    predict: Callable[..., Any],
    split: Split,
    *,
    size: float = 0.4,
    objects: Sequence[int] = (1, 2),
    examples: int = 2000,
    features: int = 256,
    seed: int = 0,
    batch: int = 128,
) -> Iterator[Measurement]:
    """Probes every stage for the place of objects put at random on an empty canvas.

    One object: its (y, x). Two, the second at half the ink: where it stands from the
    first, which no linear probe reads from pixels, only from features that tell bright
    from dim. Each stage's map goes through a Gaussian random projection to the same
    number of features, is standardised, and ridge regression is fitted in closed form
    on the first half of the examples; its penalty is chosen on the next quarter, and
    the last quarter is reported. Controls: the pixels through the same, and the network
    with its parameters drawn anew.

    Args:
      predict: a network of ours.
      split: images of objects, the canvas has their size.
      size: of an object, as a fraction of the canvas.
      objects: 1, 2, or both.
      examples: how many, from the first.
      features: of the projection.
      seed: of places, pairs, projections and the untrained network.
      batch: examples a call.

    Yields:
      Per stage, number of objects and `weights` (`trained`, `untrained`; `none` for the
      pixels, at index −1) on held-out data `r2`, the mean of R² along y and x, and
      `distance` between place and read-out in pixels.

    Raises:
      UserError: not a network of ours, an object does not fit, a number of objects
        other than 1 or 2, or too few examples.
    """
    if not set(objects) <= STRENGTHS.keys():
        raise UserError(f"eval.location.objects={list(objects)}: takes 1, 2 or both")
    images = split.first(examples, "eval.location.examples").images
    if len(images) < FEWEST:
        raise UserError(
            f"eval.location.examples={len(images)}: {FEWEST} are the fewest to fit, "
            "choose and report on"
        )
    embed, room = fitted(split, size, 0.0, "eval.location.size")
    trained = Inside(predict, name="location", batch=batch)

    def measured() -> Iterator[Measurement]:
        places, other_places = (
            draw_places(seed + i, len(images), room) for i in range(2)
        )
        others = images[np.random.default_rng([seed, 2]).permutation(len(images))]
        fresh = Inside(untrained(trained.network, seed), name="location", batch=batch)
        for count in objects:
            target = other_places - places if count == 2 else places
            strength = jnp.float32(STRENGTHS[count])
            for weights, inside in (("trained", trained), ("untrained", fresh)):
                probe = partial(
                    probes,
                    inside=inside,
                    embed=embed,
                    strength=strength,
                    features=features,
                    seed=seed,
                )
                maps = inside.map(probe, images, places, others, other_places)
                for index, x in enumerate(maps, -1):
                    if index < 0 and weights == "untrained":
                        continue
                    params = {
                        "index": index,
                        "part": "pixels" if index < 0 else inside.parts[index],
                        "weights": "none" if index < 0 else weights,
                        "objects": count,
                    }
                    yield from read_out(x, target.astype(np.float32), params)

    return measured()


def probes(
    *objects: Array,
    inside: Inside,
    embed: Embed,
    strength: Float[Array, ""],
    features: int,
    seed: int,
) -> list[Float[Array, "batch {features}"]]:
    """Returns random projections of the pixels, then of the map after each stage.

    Args:
      *objects: as in `composed`.
      inside: the network.
      embed: puts an object on a canvas.
      strength: of the second object.
      features: of each projection.
      seed: of the projections, the same for every network.
    """
    maps = inside.features(composed(embed, *objects, strength))
    return [
        projected(x, features, jnp.int32(seed), jnp.int32(index))
        for index, x in enumerate(maps)
    ]


@partial(jax.jit, static_argnums=0)
def composed(
    embed: Embed,
    images: Images,
    places: Int[Array, "batch 2"],
    others: Shaped[Array, "batch height width channels"],
    other_places: Int[Array, "batch 2"],
    strength: Float[Array, ""],
) -> Images:
    """Puts an object and another of less ink on a canvas; the brighter one shows."""
    second = strength * embed(prepared(None, others), other_places)
    return jnp.maximum(embed(images, places), second)


@partial(jax.jit, static_argnums=1)
def projected(
    x: Map, features: int, seed: Int[Array, ""], index: Int[Array, ""]
) -> Float[Array, "batch {features}"]:
    """A Gaussian random projection of a map; seed and index draw it."""
    flat = x.reshape(x.shape[0], -1)
    key = jax.random.fold_in(jax.random.key(seed), index)
    matrix = jax.random.normal(key, (flat.shape[1], features))
    return flat @ matrix / np.sqrt(flat.shape[1])


class Fit(NamedTuple):
    """Held-out predictions of the penalty that is best on the validation part."""

    predicted: Float[Array, "held_out targets"]
    penalty: Float[Array, ""]


def read_out(
    x: Float[np.ndarray, "examples features"],
    y: Float[np.ndarray, "examples 2"],
    params: dict[str, Any],
) -> Iterator[Measurement]:
    """Yields how well ridge regression finds y in x, on the last quarter."""
    first, last = len(x) // 2, len(x) - len(x) // 4
    parts = [(v[:first], v[first:last], v[last:]) for v in (x, y)]
    fit = ridge(*parts[0], *parts[1][:2])
    truth = parts[1][2]
    missed = (truth - np.asarray(fit.predicted)) ** 2
    # One value per example, such that their mean is R² and can be resampled.
    examples = 1 - (missed / truth.var(0)).mean(1)
    penalty = {"penalty": np.asarray(fit.penalty)}
    yield Measurement.of_examples(
        "location", "r2", examples, params=params, bounds=None, arrays=penalty
    )
    yield Measurement.of_examples(
        "location", "distance", np.sqrt(missed.sum(1)), params=params, bounds=None
    )


@jax.jit
def ridge(
    x: Float[Array, "fit features"],
    x_choose: Float[Array, "choose features"],
    x_report: Float[Array, "report features"],
    y: Float[Array, "fit targets"],
    y_choose: Float[Array, "choose targets"],
) -> Fit:
    """Ridge regression in closed form, for all penalties λ at once.

    With standardised features X = (x − μ)/σ and n examples it solves
    (XᵀX/n + λ) w = Xᵀ(y − ȳ)/n by one eigendecomposition of XᵀX/n; λ has the least
    squared error on the validation part.

    Args:
      x: features to fit on.
      x_choose: to choose λ on.
      x_report: to predict for.
      y: targets to fit on.
      y_choose: targets to choose λ on.
    """
    mean, deviation = x.mean(0), x.std(0)
    scale = jnp.where(deviation > 0, 1 / jnp.where(deviation > 0, deviation, 1), 0)
    x, x_choose, x_report = ((part - mean) * scale for part in (x, x_choose, x_report))
    centre = y.mean(0)
    values, vectors = jnp.linalg.eigh(x.T @ x / len(x))
    projected = vectors.T @ (x.T @ (y - centre)) / len(x)
    shrink = 1 / (jnp.maximum(values, 0) + PENALTIES[:, None])
    weights = jnp.einsum("fe,pe,et->pft", vectors, shrink, projected)
    errors = ((x_choose @ weights + centre - y_choose) ** 2).mean((1, 2))
    best = errors.argmin()
    return Fit(x_report @ weights[best] + centre, jnp.asarray(PENALTIES)[best])


def untrained(network: Network, seed: int) -> Network:
    """Returns the network with its parameters drawn anew, the control for learning.

    Kernels are normal with variance 2/fan-in (He 2015), biases 0, scales 1, and batch
    statistics those of no batch. The fan-in is the product of all axes but the last,
    which is too much where there is a kernel for each position (locally connected
    layers, capsules). For such a network, and any with its own initialiser, evaluate
    the model without a run.
    """
    graph, params, rest = nnx.split(network, (nnx.Param, nnx.BatchStat), ...)
    key = jax.random.key(seed)

    def start(path: tuple[Any, ...], value: Array) -> Array:
        name = path[-1].key
        if value.ndim == 0 or name in STARTS:
            return jnp.full_like(value, STARTS.get(name, 0.0))
        place = zlib.crc32(jax.tree_util.keystr(path).encode())
        draw = jax.random.normal(jax.random.fold_in(key, place), value.shape)
        deviation = np.sqrt(2 / max(1, prod(value.shape[:-1])))
        return (deviation * draw).astype(value.dtype)

    fresh = jax.tree_util.tree_map_with_path(start, nnx.as_pure(params))
    return nnx.merge(graph, fresh, nnx.as_pure(rest))
