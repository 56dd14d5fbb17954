"""Where equivariance breaks: the map of a shifted image against the shifted map."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from research.data.split import Split
from research.evals.engine.inside import Inside, require_network
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.nn.signal import shift
from research.types import Count, Images, Map, Step

Offsets = Int[Array, "batch 2"]
Each = Float[Array, " batch"]
Deviation = tuple[Each, Each, Bool[Array, " batch"]]  # error, cosine, on the grid


@dataclass(frozen=True)
class Layers(Evaluator):
    """Compares F(T_d x) with the shifted F(x), for the map F after each stage.

    A level, which goes down and up again, has a map after each part: the downsampler,
    what lies below, and the upsampler with its skip. T_d is circular. Let j be the
    cumulative stride of the map. Where d ≡ 0 mod j
    (`grid` is `on`) the map should move by d/j; elsewhere no shift of the map is due,
    and it is compared after the roll that fits best (`off`): the two are different
    questions and have different rows.

    Yields per stage and shift `error` = ‖T F(x) − F(T_d x)‖ / ‖F(x)‖ and `cosine`. Of
    all-zero maps the error is 0 and the cosine 1 where both are zero, 1 and 0 where
    one is.

    Attributes:
      shifts: each d in pixels, as [dy, dx], or one number for both.
      examples: how many, from the first.
      batch: examples a call.
    """

    name: ClassVar[str] = "layers"
    shifts: Sequence[int | Step] = (1, 2, 4)
    examples: Count = 512
    batch: Count = 128

    def check(self, predict: Callable[..., Any], split: Split) -> None:
        """Refuses other classifiers."""
        require_network(predict, self.name)

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the measurements, shift by shift."""
        inside = Inside(predict, name=self.name, batch=self.batch)
        images = split.first(self.examples).images
        for d in self.shifts:
            offset = (d, d) if isinstance(d, int) else tuple(d)
            offsets = np.tile(np.array(offset, np.int32), (len(images), 1))
            stages = inside.map(partial(deviations, inside=inside), images, offsets)
            for index, (error, cosine, on) in enumerate(stages):
                params = {
                    "index": index,
                    "part": inside.parts[index],
                    "stride": list(inside.strides[index]),
                    "shift": list(offset),
                    "grid": "on" if on.all() else "off",
                }
                row = partial(Measurement.of_examples, "layers", params=params)
                yield row("error", error, bounds=None)
                yield row("cosine", cosine, bounds=(-1.0, 1.0))


def deviations(images: Images, offsets: Offsets, *, inside: Inside) -> list[Deviation]:
    """Returns the deviation of each map."""
    still, moved = (inside.features(x)[1:] for x in (images, shift(images, offsets)))
    stages = zip(still, moved, inside.strides, strict=True)
    return [compare_maps(a, b, offsets, jump) for a, b, jump in stages]


@partial(jax.jit, static_argnums=3)
def compare_maps(
    still: Map, moved: Map, offsets: Offsets, jump: tuple[int, int]
) -> Deviation:
    """Compares maps of shifted images with the shift of the maps that is due.

    Args:
      still: of the images.
      moved: of the shifted images.
      offsets: by which these were shifted, pixels.
      jump: cumulative stride of the maps.

    Returns:
      The relative error, the cosine, and whether the shift is on the grid.
    """
    on = (offsets % jnp.array(jump) == 0).all(-1)
    due = jnp.where(on[:, None], offsets // jnp.array(jump), best_roll(still, moved))
    return *deviation(shift(still, due), moved), on


def deviation(expected: Map, found: Map) -> tuple[Each, Each]:
    """Returns ‖expected − found‖/‖expected‖ and the cosine, for each example."""
    axes = (1, 2, 3)
    sizes = [jnp.sqrt((one**2).sum(axes)) for one in (expected, found)]
    distance = jnp.sqrt(((expected - found) ** 2).sum(axes))
    inner = (expected * found).sum(axes)
    zero = (sizes[0] == 0) | (sizes[1] == 0)
    both = (sizes[0] == 0) & (sizes[1] == 0)
    error = jnp.where(zero, ~both, distance / jnp.where(zero, 1, sizes[0]))
    cosine = jnp.where(zero, both, inner / jnp.where(zero, 1, sizes[0] * sizes[1]))
    return error, cosine


def best_roll(still: Map, moved: Map) -> Offsets:
    """Returns the circular shift of `still` that comes nearest to `moved`.

    Shifts keep the norm, so it is where the cross-correlation is largest, found for all
    shifts at once by the Fourier transform.
    """
    height, width = still.shape[1:3]
    a, b = (jnp.fft.rfft2(one, axes=(1, 2)) for one in (still, moved))
    likeness = jnp.fft.irfft2((a.conj() * b).sum(-1), s=(height, width), axes=(1, 2))
    best = likeness.reshape(len(likeness), -1).argmax(-1)
    return jnp.stack([best // width, best % width], -1)
