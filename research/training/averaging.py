"""Averages of the weights over the steps of a training.

The average is part of the state, and so of every checkpoint. The last step puts it in
the place of the weights; batch statistics are averaged with them.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from research.types import Count, Fraction, NonNegative

Weights = Any  # a pytree: of what is no floating-point number the newest is kept


@runtime_checkable
class Averaging(Hashable, Protocol):
    """Changes weights and their average after a step; compared and hashed."""

    def update(
        self, average: Weights, weights: Weights, step: Int[Array, ""]
    ) -> tuple[Weights, Weights]:
        """Returns the new average and the new weights.

        Args:
          average: at first the weights before training.
          weights: after a step.
          step: its number, from 1.
        """
        ...


@dataclass(frozen=True)
class Lookahead:
    """Every few steps, goes a part of the way that training went, and on from there.

    At step t, average ← average + (1 − α)(weights − average) and weights ← average,
    with α = `decay`^`every` · (t/T)^`power`: at first the average is no brake, at the
    end it is. Steps after the last of these are given up.

    Attributes:
      steps: T, of the training.
      every: steps between two of them.
      decay: α per step at the end of the training.
      power: how late it sets in.

    References:
      M. R. Zhang, J. Lucas, G. Hinton, J. Ba, Lookahead Optimizer: k steps forward, 1
      step back, NeurIPS 2019, arXiv:1907.08610; the schedule of α is K. Jordan's, 2024,
      arXiv:2404.00498.
    """

    steps: int
    every: Count = 5
    decay: Fraction = 0.95
    power: NonNegative = 3

    def update(
        self, average: Weights, weights: Weights, step: Int[Array, ""]
    ) -> tuple[Weights, Weights]:
        """Returns the new average and the new weights; see `Averaging.update`."""
        kept = self.decay**self.every * (step / self.steps) ** self.power
        due = step % self.every == 0
        average = mix(average, weights, jnp.where(due, 1 - kept, 0))
        return average, choose(due | (step == self.steps), average, weights)


@dataclass(frozen=True)
class Exponential:
    """A running average of the weights, which training itself does not see.

    Attributes:
      steps: of the training.
      decay: what is kept of the average at each step.
      warmup: whether at step t no more is kept than (1 + t) / (10 + t), so that a
        training of not many times 1 / (1 − `decay`) steps forgets where it began.
    """

    steps: int
    decay: Fraction = 0.999
    warmup: bool = False

    def update(
        self, average: Weights, weights: Weights, step: Int[Array, ""]
    ) -> tuple[Weights, Weights]:
        """Returns the new average and the new weights; see `Averaging.update`."""
        kept: Array | float = self.decay
        if self.warmup:
            kept = jnp.minimum(self.decay, (1 + step) / (10 + step))
        average = mix(average, weights, 1 - kept)
        return average, choose(step == self.steps, average, weights)


def mix(average: Weights, weights: Weights, share: Array | float) -> Weights:
    """Returns average + share · (weights − average); of other dtypes the weights."""

    def one(old: Array, new: Array) -> Array:
        if not jnp.issubdtype(new.dtype, jnp.floating):
            return new
        return old + (share * (new - old)).astype(new.dtype)

    return jax.tree.map(one, average, weights)


def choose(first: Array, one: Weights, other: Weights) -> Weights:
    """Returns `one` if `first`, else `other`."""
    return jax.tree.map(lambda a, b: jnp.where(first, a, b), one, other)
