"""What shifts do to embeddings: their cosine, and each image's nearest neighbour."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import jax
import numpy as np

from research.data.split import Split
from research.errors import UserError
from research.evals.engine.embedding import (
    ask_embeddings,
    embedding_change,
    gives_embeddings,
    look_inside,
)
from research.evals.engine.grids import whole
from research.evals.engine.neighbours import find_nearest, rank_former
from research.evals.engine.predictor import Perturb
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.transforms.shifts import along, draw_ring, shortest
from research.types import Count, Natural, Seed

Each = dict[str, np.ndarray]  # by measure, (N,)


@dataclass(frozen=True)
class Embedding(Evaluator):
    """Shifts every image, and compares its embedding with that of the image itself.

    It needs no label, and takes models that give embeddings (`adapter.answers`) and
    networks of ours (the mean over positions of their last map). Neighbours are the
    other images of the split as they are, by cosine. Yields per border

    - with `distance` d, a random shift of this ∞-norm: `embedding_change`, 1 − cosine,
      in [0, 2]; `neighbour_flip`, whether another image is the nearest now; and
      `rank_change`, how many others are nearer now than the former nearest is;
    - with `max_shift` m, of all (2m + 1)² − 1 shifts: `worst_embedding_change`, the
      largest; `worst_neighbour_flip`, whether any flips; `worst_rank_change`.

    Costs a pass for each distance, and (2m + 1)² − 1.

    Attributes:
      shifts: by border, `perturb(images, offsets)`: of `research.transforms.shifts`.
      distances: largest distance d, pixels; those beyond half the image are left out.
      max_shift: m, pixels; 0: no worst.
      examples: how many of the split, from the first; None: all.
      seed: of the offsets: they are the same for every model.
      batch: examples a call.

    References:
      O. Shifman, Y. Weiss, Lost in Translation: Modern Neural Networks Still Struggle
      with Small Realistic Image Transformations, ECCV 2024, arXiv:2404.07153 (cosine).
    """

    name: ClassVar[str] = "embedding"
    takes_embeddings: ClassVar[bool] = True
    shifts: Mapping[str, Perturb]
    distances: Natural = 4
    max_shift: Natural = 1
    examples: Count | None = 1000
    seed: Seed = 0
    batch: Count = 512

    def check(self, predict: Callable[..., Any], split: Split) -> None:
        """Refuses logits of others, and fewer images than have a choice of nearest."""
        if not (gives_embeddings(predict) or look_inside(predict)):
            raise UserError(
                "eval=embedding compares embeddings, and predict gives logits: leave "
                "embedding out of eval, or set adapter.answers=embeddings if they are "
                "none"
            )
        if (count := len(split.first(self.examples))) < 3:
            raise self.refusal(
                "examples", self.examples, f"at least 3 images, and there are {count}"
            )
        m = self.max_shift
        self.require_room("max_shift", m, (m, m), split)

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the measurements of each border: by distance, then the worst."""
        split = split.first(self.examples)
        ask = partial(ask_embeddings(predict, batch=self.batch), split.images)
        still = ask()
        compare = partial(compare_embeddings, still, find_nearest(still))
        bounds = bounds_of(len(split))
        row = partial(Measurement.of_examples, "embedding")
        for border, shift in self.shifts.items():
            for distance, offsets in self.draw(split):
                found = compare(ask(shift, offsets))
                params = {"border": border, "distance": distance}
                kept = {"offsets": offsets}
                for measure, each in found.items():
                    bound = bounds[measure]
                    yield row(measure, each, params=params, bounds=bound, arrays=kept)
            params = {"border": border, "max_shift": self.max_shift}
            for measure, each in self.find_worst(ask, compare, shift, len(split)):
                bound = bounds[measure]
                yield row(f"worst_{measure}", each, params=params, bounds=bound)

    def draw(self, split: Split) -> Iterator[tuple[int, np.ndarray]]:
        """Yields each distance with an offset for every image, (N, 2)."""
        size, key = split.images.shape[1:3], jax.random.key(self.seed)
        for distance in range(1, min(self.distances, shortest(size) // 2) + 1):
            yield distance, along(draw_ring(key, len(split), distance), size)

    def find_worst(
        self,
        ask: Callable[..., np.ndarray],
        compare: Callable[[np.ndarray], Each],
        shift: Perturb,
        count: int,
    ) -> Iterator[tuple[str, np.ndarray]]:
        """Yields each measure's largest value of every image, of all shifts."""
        worst: Each = {}
        for _, offset in whole(shift, "", self.max_shift):
            if offset.any():
                found = compare(ask(shift, np.tile(offset, (count, 1))))
                for measure, each in found.items():
                    worst[measure] = np.maximum(worst.get(measure, each), each)
        yield from worst.items()


def compare_embeddings(
    still: np.ndarray, nearest: np.ndarray, moved: np.ndarray
) -> Each:
    """Returns what a change of images does to their embeddings, by measure.

    Args:
      still: (N, D) of the images as they are.
      nearest: (N,) of `find_nearest(still)`.
      moved: (N, D) of the changed images.
    """
    ranks = rank_former(moved, still, nearest)
    return {
        "embedding_change": embedding_change(still, moved),
        "neighbour_flip": (ranks > 0).astype(np.float64),
        "rank_change": ranks.astype(np.float64),
    }


def bounds_of(count: int) -> dict[str, tuple[float, float]]:
    """Returns the least and largest value of each measure, of so many images."""
    return {
        "embedding_change": (0.0, 2.0),
        "neighbour_flip": (0.0, 1.0),
        "rank_change": (0.0, float(count - 2)),
    }
