"""Which examples each step takes: a function of the seed and the step alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Int32

Order = Int32[np.ndarray, " examples"]


@dataclass(frozen=True)
class Plan:
    """The examples of every step of a run, which can thus go on from any step.

    Each epoch is a new order of all examples; the remainder that does not fill a batch
    is left out of that epoch.

    Args:
      examples: of the split.
      batch_size: examples of a step.
      epochs: passes over the split.
      seed: of the orders.
    """

    examples: int
    batch_size: int
    epochs: int
    seed: int

    @property
    def per_epoch(self) -> int:
        """Steps in an epoch."""
        return self.examples // self.batch_size

    def __len__(self) -> int:
        return self.epochs * self.per_epoch

    def dispatches(self, start: int, most: int) -> Iterator[range]:
        """Yields the steps from `start` on, those of one dispatch at a time.

        A dispatch begins at a multiple of `most` within its epoch and never goes beyond
        it, so that there are at most two lengths, and a third after a resume.

        Args:
          start: the first step.
          most: steps of a dispatch.
        """
        while start < len(self):
            place = start % self.per_epoch
            stop = min(place - place % most + most, self.per_epoch)
            yield range(start, start + stop - place)
            start += stop - place

    def __getitem__(self, step: int) -> Int32[np.ndarray, " batch"]:
        """Returns the examples of a step, the first of which is step 0."""
        epoch, place = divmod(step, self.per_epoch)
        order = epoch_order(self.examples, seed=self.seed, epoch=epoch)
        return order[place * self.batch_size :][: self.batch_size]


@lru_cache(maxsize=2)
def epoch_order(examples: int, *, seed: int, epoch: int) -> Order:
    """Returns the order of an epoch's examples: a function of seed and epoch alone."""
    return np.random.default_rng([seed, epoch]).permutation(examples).astype(np.int32)
