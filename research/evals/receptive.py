"""The effective receptive field: which pixels matter to a unit, and how much.

The theoretical one is in the rows of `research.evals.cost`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Float
from scipy.optimize import least_squares

from research.data.split import Split
from research.distributed import devices
from research.evals.engine.inside import Inside, require_network
from research.evals.engine.modules import apply_inside
from research.evals.engine.predictor import prepare
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.types import Count, Map

THRESHOLD = 1 - 0.9545  # of the peak: what lies beyond 2σ in Luo 2016

Field = Float[np.ndarray, "height width"]


@dataclass(frozen=True)
class Receptive(Evaluator):
    """Averages |∂ centre / ∂ image| over examples, for every map, stage by stage.

    The centre is position (⌊h/2⌋, ⌊w/2⌋), summed over channels; the absolute
    derivatives are summed over the image's channels. An adaptive sampler passes the
    gradient through the phase that it chose.

    A level, which goes down and up again, has a map after each of its parts.

    Yields per map, in pixels: `size`, √(number of pixels above 4.55 % of the peak),
    with the field itself, `map` (H, W), beside it; `extent`, √(height·width) of the
    box of all pixels that matter at all; `sigma_y` and `sigma_x` of the Gaussian that
    fits best in least squares, and its `fit`, R². A field that is zero everywhere has
    size and extent 0 and no Gaussian (NaN).

    Attributes:
      examples: how many, from the first; one batch.

    References:
      W. Luo, Y. Li, R. Urtasun, R. Zemel, Understanding the Effective Receptive Field
      in Deep Convolutional Neural Networks, NIPS 2016, arXiv:1701.04128.
    """

    name: ClassVar[str] = "receptive"
    examples: Count = 64

    def check(self, predict: Callable[..., Any], split: Split) -> None:
        """Refuses other classifiers."""
        require_network(predict, self.name)

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the measurements, stage by stage."""
        images = split.first(self.examples).images
        inside = Inside(predict, name=self.name, batch=len(images))
        for index, field in enumerate(effective_fields(inside, images)):
            measures = {"size": size(field), "extent": extent(field)}
            measures |= fit_gaussian(field)._asdict()
            params = {"index": index, "part": inside.parts[index]}
            for measure, value in measures.items():
                yield Measurement(
                    "receptive",
                    measure,
                    float(value),
                    len(images),
                    params=params,
                    arrays={"map": field} if measure == "size" else {},
                )


def effective_fields(inside: Inside, images: np.ndarray) -> Iterator[Field]:
    """Yields the effective receptive field of the middle of each map.

    The gradient is walked back stage by stage from Python: each stage compiles once,
    for all the fields that pass through it.
    """
    maps = inside.features(prepare(None, devices.shard(images, inside.mesh)))
    for index, y in enumerate(maps[1:]):
        yield effective_field(inside, maps, index, (y.shape[1] // 2, y.shape[2] // 2))


def effective_field(
    inside: Inside, maps: Sequence[Map], index: int, position: tuple[int, int]
) -> Field:
    """Returns the effective receptive field of one position of a map.

    Args:
      inside: the network.
      maps: what `inside.features` returns of the images.
      index: of the map's place.
      position: (row, column) of the map.
    """
    end = [place + 1 for place in inside.ends]
    gradient = jnp.zeros_like(maps[index + 1]).at[:, *position].set(1)
    last = inside.places[index].stage
    for stage in range(last, -1, -1):
        start = end[stage - 1] if stage else 0
        target = index if stage == last else end[stage] - 1
        gradients = [jnp.zeros_like(x) for x in maps[start + 1 : end[stage] + 1]]
        gradients[target - start] = gradient
        gradient = backward(*inside.stages[stage], maps[start], gradients)
    absolute = jnp.abs(gradient) / jnp.array(inside.network.std)
    return np.asarray(absolute.sum(-1).mean(0))


@partial(jax.jit, static_argnums=0)
def backward(graph: nnx.GraphDef, state: Any, x: Map, gradients: list[Map]) -> Map:
    """Returns the gradient before a stage, given those of its maps."""
    return jax.vjp(partial(apply_inside, graph, state), x)[1](gradients)[0]


def size(field: Field) -> float:
    """√(number of pixels above 4.55 % of the peak); 0 of a field of zeros."""
    return float(np.sqrt((field > THRESHOLD * field.max()).sum()))


def extent(field: Field) -> float:
    """√(height·width) of the box that holds all that is not zero."""
    if not field.any():
        return 0.0
    sides = [np.ptp(np.flatnonzero(field.any(axis))) + 1 for axis in (1, 0)]
    return float(np.sqrt(sides[0] * sides[1]))


class Gaussian(NamedTuple):
    """A Gaussian with axes along rows and columns: deviations in pixels, and R²."""

    sigma_y: float
    sigma_x: float
    fit: float


def fit_gaussian(field: Field) -> Gaussian:
    """Fits A·exp(−(y − y₀)²/2σ_y² − (x − x₀)²/2σ_x²) in least squares."""
    if not field.any():
        return Gaussian(np.nan, np.nan, np.nan)
    shape = np.array(field.shape)
    target = field / field.max()
    y, x = np.indices(field.shape)
    weights = target / target.sum()
    middle = np.array([(weights * y).sum(), (weights * x).sum()])
    spread = np.array(
        [
            (weights * (y - middle[0]) ** 2).sum() ** 0.5,
            (weights * (x - middle[1]) ** 2).sum() ** 0.5,
        ]
    )

    def residuals(values: np.ndarray) -> np.ndarray:
        top, y0, x0, wide, broad = values
        power = ((y - y0) / wide) ** 2 + ((x - x0) / broad) ** 2
        return (top * np.exp(-power / 2) - target).ravel()

    least = 0.1  # below, a Gaussian is one pixel whatever its σ
    found = least_squares(
        residuals,
        [1.0, *middle, *np.maximum(spread, 2 * least)],
        bounds=(
            [0, -1, -1, least, least],
            [10, *shape, *(4 * shape)],
        ),
    )
    rest = (found.fun**2).sum() / ((target - target.mean()) ** 2).sum()
    return Gaussian(float(found.x[3]), float(found.x[4]), float(1 - rest))
