"""Where position is lost: reading an object's place out of each stage's map."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Shaped

from research.data.split import Split
from research.evals.engine.canvas import Canvas, draw_places, fit_object
from research.evals.engine.inside import Inside, require_network
from research.evals.engine.predictor import prepare
from research.evals.engine.ridge import fit_ridge
from research.evals.engine.untrained import reinitialize
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.types import Bits, Count, Images, Length, Map, OneOf, Range, Seed, Share

STRENGTHS = {1: 0.0, 2: 0.5}  # of the second object, by their number
Strength = Annotated[int, OneOf(tuple(STRENGTHS))]
FEWEST = 16


@dataclass(frozen=True)
class Location(Evaluator):
    """Probes every map for the place of objects put at random on an empty canvas.

    With one object the target is (y, x); with two, the second at half the ink, it is
    the offset from the first, which a linear probe cannot read from pixels, only
    from features that tell bright from dim.

    Each stage's map goes through a Gaussian random projection to
    the same number of features, is standardised, and ridge regression is fitted in
    closed form on the first half of the examples; its penalty is chosen on the next
    quarter, and the last quarter is reported. The controls are the pixels through the
    same steps, and the network with its parameters drawn anew.

    Yields per stage, number of objects and `weights` (`trained`, `untrained`; `none`
    for the pixels, at index −1) on held-out data `r2`, the mean of R² along y and x,
    and `distance` between place and read-out in pixels.

    Attributes:
      size: of an object, as a fraction of the canvas, which is as large as an image.
      objects: 1, 2, or both.
      examples: how many, from the first.
      features: of the projection.
      seed: of places, pairs, projections and the untrained network.
      batch: examples a call.
    """

    name: ClassVar[str] = "location"
    size: Share = 0.4
    objects: Annotated[Sequence[Strength], Length()] = (1, 2)
    examples: Annotated[int, Range(FEWEST), Bits(31)] = 2000
    features: Count = 256
    seed: Seed = 0
    batch: Count = 128

    def check(self, predict: Callable[..., Any], split: Split) -> None:
        """Refuses other classifiers, too few examples, objects that do not fit."""
        require_network(predict, self.name)
        fit_object(split, self.size, 0.0, self.name)
        if len(split) < FEWEST:
            raise self.refusal(
                "examples", len(split), f"{FEWEST} or more, and the split has no more"
            )

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the measurements, by number of objects and weights."""
        trained = Inside(predict, name=self.name, batch=self.batch)
        control = Inside(
            reinitialize(trained.network, self.seed), name=self.name, batch=self.batch
        )
        for count in self.objects:
            for weights, inside in (("trained", trained), ("untrained", control)):
                yield from self.probe(inside, split, count, weights)

    def probe(
        self, inside: Inside, split: Split, count: int, weights: str
    ) -> Iterator[Measurement]:
        """Yields what can be read out after each stage of one network.

        Args:
          inside: the network.
          split: images of objects.
          count: how many objects are on a canvas.
          weights: `trained` or `untrained`.
        """
        images = split.first(self.examples).images
        canvas, room = fit_object(split, self.size, 0.0, self.name)
        places, other_places = (
            draw_places(self.seed + i, len(images), room) for i in range(2)
        )
        others = np.random.default_rng([self.seed, 2]).permutation(len(images))
        features = partial(
            project_stages,
            inside=inside,
            canvas=canvas,
            strength=jnp.float32(STRENGTHS[count]),
            features=self.features,
            seed=self.seed,
        )
        target = other_places - places if count == 2 else places
        maps = inside.map(features, images, places, images[others], other_places)
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


def project_stages(
    *objects: Array,
    inside: Inside,
    canvas: Canvas,
    strength: Float[Array, ""],
    features: int,
    seed: int,
) -> list[Float[Array, "batch {features}"]]:
    """Returns random projections of the pixels, then of the map after each stage.

    Args:
      *objects: as in `compose`.
      inside: the network.
      canvas: puts an object on it.
      strength: of the second object.
      features: of each projection.
      seed: of the projections, the same for every network.
    """
    maps = inside.features(compose(canvas, *objects, strength))
    return [
        project(x, features, jnp.int32(seed), jnp.int32(index))
        for index, x in enumerate(maps)
    ]


@partial(jax.jit, static_argnums=0)
def compose(
    canvas: Canvas,
    images: Images,
    places: Int[Array, "batch 2"],
    others: Shaped[Array, "batch height width channels"],
    other_places: Int[Array, "batch 2"],
    strength: Float[Array, ""],
) -> Images:
    """Puts an object and another of less ink on a canvas; the brighter one shows."""
    second = strength * canvas(prepare(None, others), other_places)
    return jnp.maximum(canvas(images, places), second)


@partial(jax.jit, static_argnums=1)
def project(
    x: Map, features: int, seed: Int[Array, ""], index: Int[Array, ""]
) -> Float[Array, "batch {features}"]:
    """Returns a Gaussian random projection of a map; seed and index draw it."""
    flat = x.reshape(x.shape[0], -1)
    key = jax.random.fold_in(jax.random.key(seed), index)
    matrix = jax.random.normal(key, (flat.shape[1], features), jnp.float32)
    return flat @ matrix / np.sqrt(flat.shape[1])


def read_out(
    x: Float[np.ndarray, "examples features"],
    y: Float[np.ndarray, "examples 2"],
    params: dict[str, Any],
) -> Iterator[Measurement]:
    """Yields how well ridge regression finds y in x, on the last quarter."""
    first, last = len(x) // 2, len(x) - len(x) // 4
    parts = [(v[:first], v[first:last], v[last:]) for v in (x, y)]
    fit = fit_ridge(*parts[0], *parts[1][:2])
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
