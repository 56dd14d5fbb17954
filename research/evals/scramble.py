"""How much of a decision uses where things are: patches, pixels and maps permuted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any, ClassVar

import jax
import numpy as np

from research.data.split import Split
from research.evals.engine.dense import require_one_answer
from research.evals.engine.inside import Inside
from research.evals.engine.predictor import Predictor
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.models.network import Network
from research.nn.signal import pair
from research.tasks import metrics
from research.transforms.scrambles import (
    Patches,
    PixelsWithin,
    Seeds,
    count_blocks,
    draw_orders,
    draw_seeds,
    permute_blocks,
)
from research.types import Count, Images, Logits, Map, Seed, Sides

NOTHING = 1e-4  # relative logit distance that rounding alone can make


@dataclass(frozen=True)
class Scramble(Evaluator):
    """Scrambles the images, and the maps of a network of ours, and compares.

    Every example has its own permutations; one may leave some places as they are.
    Yields per scramble `accuracy`, where there are labels, and `agreement` with the
    prediction on the whole image.

    Attributes:
      grids: of protocol `patch`: g×g patches are permuted; those that divide the image.
      blocks: of protocol `pixel`: pixels are permuted inside b×b blocks; likewise.
      sizes: of protocol `stage`, which needs a network of ours: sides of the blocks, in
        strides of the whole network.
      examples: how many of the split, from the first; None: all.
      seed: of the permutations.
      batch: examples a call.
    """

    name: ClassVar[str] = "scramble"
    labelled: ClassVar[tuple[str, ...]] = ("accuracy",)
    grids: Sequence[Sides] = (2, 4, 7, 8, 14, 16)
    blocks: Sequence[Sides] = (2, 4, 7, 8, 14, 16)
    sizes: Sequence[Count] = (1, 2)
    examples: Count | None = None
    seed: Seed = 0
    batch: Count = 512

    def __post_init__(self) -> None:
        super().__post_init__()
        for key in ("grids", "blocks"):
            for size in getattr(self, key):
                pair(size, f"eval.scramble.{key}")

    def check(self, predict: Callable[..., Any], split: Split) -> None:
        """Refuses answers at every pixel, and grids or blocks that divide no image."""
        require_one_answer(predict, split, self.name)
        for key in ("grids", "blocks"):
            sizes = getattr(self, key)
            if sizes and not keep_divisors(split, sizes):
                height, width = split.images.shape[1:3]
                raise self.refusal(
                    key, sizes, f"divisors of images of {height}×{width}"
                )

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the measurements: of patches, of pixels, of stages."""
        split = split.first(self.examples)
        predictor = Predictor.of(predict, batch=self.batch)
        seeds = draw_seeds(self.seed, len(split))
        whole = predictor.logits(split.images)
        row = partial(score_scramble, whole=whole, split=split)
        yield from row("patch", whole, {"grid": [1, 1]})
        for grid in keep_divisors(split, self.grids):
            logits = predictor.logits(split.images, Patches(*grid), seeds)
            yield from row("patch", logits, {"grid": list(grid)})
        for block in keep_divisors(split, self.blocks):
            logits = predictor.logits(split.images, PixelsWithin(*block), seeds)
            yield from row("pixel", logits, {"block": list(block)})
        if isinstance(predict, Network):
            inside = Inside(predict, name=self.name, batch=self.batch)
            for params, logits in scramble_stages(inside, split, self.sizes, seeds):
                noop = metrics.relative_logit_distance(logits, whole).max() < NOTHING
                method = "no-op: what follows ignores positions" if noop else ""
                yield from row("stage", logits, params, method=method)


def score_scramble(
    protocol: str,
    logits: np.ndarray,
    params: dict[str, Any],
    *,
    whole: np.ndarray,
    split: Split,
    method: str = "",
) -> Iterator[Measurement]:
    """Yields accuracy, where there are labels, and agreement with the unscrambled.

    Args:
      protocol: of the rows.
      logits: (N, K) of the scrambled.
      params: of the rows.
      whole: (N, K) logits of the images as they are.
      split: the examples.
      method: of the rows.
    """
    row = partial(Measurement.of_examples, protocol, params=params, method=method)
    if "label" in split.arrays:
        tops = {"predictions": metrics.predictions(logits)}
        yield row("accuracy", metrics.correct(logits, split.labels), arrays=tops)
    yield row("agreement", metrics.agreement(logits, whole))


def keep_divisors(
    split: Split, sizes: Sequence[int | Sequence[int]]
) -> list[tuple[int, int]]:
    """Returns the sizes, as pairs, that divide the images."""
    height, width = split.images.shape[1:3]
    return [(h, w) for h, w in map(pair, sizes) if height % h == 0 and width % w == 0]


def scramble_stages(
    inside: Inside, split: Split, sizes: Sequence[int], seeds: np.ndarray
) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
    """Yields the logits with the map after each stage scrambled, and their parameters.

    A block has `size` strides of the network per side in *input* pixels at each stage,
    whatever the stride there, and all channels of a position go together. Positions at
    the lower and right border that fill no block stay (`moved` is the fraction of the
    others); stages with fewer than two blocks are left out. Of a level, which goes down
    and up again, it is the last map.
    """
    network = inside.network
    shapes = network.map_shapes(split.images.shape[1:])[1:]
    cases = []
    for size in sizes:
        pixels = (size * network.stride[0], size * network.stride[1])
        for stage, (shape, index) in enumerate(zip(shapes, inside.ends, strict=True)):
            stride = inside.strides[index]
            block = (pixels[0] // stride[0], pixels[1] // stride[1])
            blocks = prod(count_blocks(shape, block))
            if blocks > 1:
                params = {
                    "index": index,
                    "part": inside.parts[index],
                    "pixels": list(pixels),
                    "moved": blocks * prod(block) / (shape[0] * shape[1]),
                }
                cases.append((stage, index, block, params))

    def logits(images: Images, seeds: Seeds) -> list[Logits]:
        maps = inside.features(images)[1:]
        return [
            inside.logits_from(permute(maps[index], seeds, block), stage + 1)
            for stage, index, block, _ in cases
        ]

    found = inside.map(logits, split.images, seeds)
    for (*_, params), one in zip(cases, found, strict=True):
        yield params, one


@partial(jax.jit, static_argnums=2)
def permute(x: Map, seeds: Seeds, block: tuple[int, int]) -> Map:
    """Permutes the whole blocks of a map, one permutation per example."""
    blocks = prod(count_blocks(x.shape[1:], block))
    return permute_blocks(x, draw_orders(seeds, 1, blocks)[:, 0], block)
