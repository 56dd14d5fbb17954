"""How much of a decision uses where things are: patches, pixels and maps permuted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import prod
from typing import Any

import jax
import numpy as np

from research.data.split import Split
from research.errors import UserError
from research.evals.engine.inside import Inside
from research.evals.engine.predictor import Predictor
from research.evals.measurement import Measurement
from research.models.network import Network
from research.nn.signal import pair
from research.tasks import metrics
from research.transforms.scrambles import (
    Patches,
    PixelsWithin,
    Seeds,
    counts,
    draw_orders,
    draw_seeds,
    permute_blocks,
)
from research.types import Images, Logits, Map

NOTHING = 1e-4  # relative logit distance that rounding alone can make


def evaluate(
    predict: Callable[..., Any],
    split: Split,
    *,
    grids: Sequence[int | Sequence[int]] = (2, 4, 7, 8, 14, 16),
    blocks: Sequence[int | Sequence[int]] = (2, 4, 7, 8, 14, 16),
    sizes: Sequence[int] = (1, 2),
    examples: int | None = None,
    seed: int = 0,
    batch: int = 512,
) -> Iterator[Measurement]:
    """Scrambles the images, and the maps of a network of ours, and compares.

    Every example has its own permutations; one may leave some places as they are.

    Args:
      predict: any `images → logits`; protocol `stage` needs a network of ours.
      split: (N, H, W, C) images and their labels.
      grids: of protocol `patch`: g×g patches are permuted; those that divide the image.
      blocks: of protocol `pixel`: pixels are permuted inside b×b blocks; likewise.
      sizes: of protocol `stage`: sides of the blocks, in strides of the whole network.
      examples: how many of the split, from the first; None: all.
      seed: of the permutations.
      batch: examples a call.

    Yields:
      Per scramble `accuracy` and `agreement` with the prediction on the whole image.

    Raises:
      UserError: none of the grids, or blocks, divides the image.
    """
    split = split.first(examples, "eval.scramble.examples")
    patches = dividing(split, grids, "eval.scramble.grids")
    within = dividing(split, blocks, "eval.scramble.blocks")
    predictor = Predictor.of(predict, batch=batch)

    def measured() -> Iterator[Measurement]:
        seeds = draw_seeds(seed, len(split))
        compared = partial(rows_of, split=split)
        whole = predictor.logits(split.images)
        yield from compared("patch", whole, whole, {"grid": [1, 1]})
        for grid in patches:
            logits = predictor.logits(split.images, Patches(*grid), seeds)
            yield from compared("patch", logits, whole, {"grid": list(grid)})
        for block in within:
            logits = predictor.logits(split.images, PixelsWithin(*block), seeds)
            yield from compared("pixel", logits, whole, {"block": list(block)})
        if isinstance(predict, Network):
            inside = Inside(predict, name="scramble", batch=batch)
            for params, logits in scrambled_stages(inside, split, sizes, seeds):
                noop = metrics.relative_logit_distance(logits, whole).max() < NOTHING
                method = "no-op: what follows ignores positions" if noop else ""
                yield from compared("stage", logits, whole, params, method=method)

    return measured()


def rows_of(
    protocol: str,
    logits: np.ndarray,
    whole: np.ndarray,
    params: dict[str, Any],
    *,
    split: Split,
    method: str = "",
) -> Iterator[Measurement]:
    """Yields accuracy, and agreement with the unscrambled, of one scramble."""
    tops = {"predictions": metrics.predictions(logits)}
    right = metrics.correct(logits, split.labels)
    same = metrics.agreement(logits, whole)
    both = {"params": params, "method": method}
    yield Measurement.of_examples(protocol, "accuracy", right, arrays=tops, **both)
    yield Measurement.of_examples(protocol, "agreement", same, **both)


def dividing(
    split: Split, sizes: Sequence[int | Sequence[int]], key: str
) -> list[tuple[int, int]]:
    """Returns the sizes, as pairs, that divide the images.

    Raises:
      UserError: sizes are given and none of them does.
    """
    height, width = split.images.shape[1:3]
    pairs = [pair(size, key) for size in sizes]
    fitting = [(h, w) for h, w in pairs if height % h == 0 and width % w == 0]
    if pairs and not fitting:
        raise UserError(
            f"{key}={list(sizes)}: none of them divides images of {height}×{width}"
        )
    return fitting


def scrambled_stages(
    inside: Inside, split: Split, sizes: Sequence[int], seeds: np.ndarray
) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
    """Yields the logits with the map after each stage scrambled, and their parameters.

    A block has `size` strides of the network per side in *input* pixels at each stage,
    whatever the stride there, and all channels of a position go together. Positions at
    the lower and right border that fill no block stay (`moved` is the fraction of the
    others); stages with fewer than two blocks are left out.
    """
    network = inside.network
    shapes = network.map_shapes(split.images.shape[1:])[1:]
    cases = []
    for size in sizes:
        pixels = (size * network.stride[0], size * network.stride[1])
        for index, (shape, stride) in enumerate(
            zip(shapes, inside.strides, strict=True)
        ):
            block = (pixels[0] // stride[0], pixels[1] // stride[1])
            blocks = prod(counts(shape, block))
            if blocks > 1:
                params = {
                    "index": index,
                    "part": inside.parts[index],
                    "pixels": list(pixels),
                    "moved": blocks * prod(block) / (shape[0] * shape[1]),
                }
                cases.append((params, block))

    def logits(images: Images, seeds: Seeds) -> list[Logits]:
        maps = inside.features(images)[1:]
        return [
            inside.onward(permuted(maps[at["index"]], seeds, block), at["index"] + 1)
            for at, block in cases
        ]

    found = inside.map(logits, split.images, seeds)
    for (params, _), one in zip(cases, found, strict=True):
        yield params, one


@partial(jax.jit, static_argnums=2)
def permuted(x: Map, seeds: Seeds, block: tuple[int, int]) -> Map:
    """Permutes the whole blocks of a map, one permutation per example."""
    blocks = prod(counts(x.shape[1:], block))
    return permute_blocks(x, draw_orders(seeds, 1, blocks)[:, 0], block)
