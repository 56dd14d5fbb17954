"""The settings of a training: the keys of `train:` in conf/train.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any

import jax.numpy as jnp

from research.data.plan import Plan
from research.errors import UserError

DTYPES = ("float32", "bfloat16", "float16")  # that a network can compute in


@dataclass(frozen=True)
class Training:
    """How long and on what a network is trained; each field is a key of `train:`.

    Attributes:
      epochs: passes over the training split.
      batch_size: examples a step, over all devices.
      dtype: of the computation: float32, bfloat16 or float16.
      checkpoint_seconds: time between checkpoints: what a kill −9 can cost.
      device_bytes: a split up to this size is kept on the devices.
      shard_state: whether parameters and the optimiser's state are split over the
        devices, rather than whole on each.

    Raises:
      UserError: names the key, its value and what it takes.
    """

    epochs: int
    batch_size: int
    dtype: str = "float32"
    checkpoint_seconds: float = 60.0
    device_bytes: int = 2**31
    shard_state: bool = False

    def __post_init__(self) -> None:
        require_integer(1, epochs=self.epochs, batch_size=self.batch_size)
        require_integer(0, device_bytes=self.device_bytes)
        seconds = self.checkpoint_seconds
        if isinstance(seconds, bool) or not isinstance(seconds, Real) or seconds < 0:
            raise wrong("checkpoint_seconds", seconds, "a number of at least 0")
        object.__setattr__(self, "checkpoint_seconds", float(seconds))
        if not isinstance(self.shard_state, bool):
            raise wrong("shard_state", self.shard_state, "true or false")
        parse_dtype(self.dtype)

    def plan(self, examples: int, *, seed: int) -> Plan:
        """Returns which examples each step takes.

        Args:
          examples: of the training split.
          seed: of the orders.

        Raises:
          UserError: they do not fill a batch.
        """
        if self.batch_size > examples:
            raise UserError(
                f"train.batch_size={self.batch_size} for {examples} training examples: "
                f"takes 1 to {examples}; choose another, or a larger "
                "data.train_examples"
            )
        return Plan(examples, self.batch_size, self.epochs, seed)


def require_integer(least: int, **values: Any) -> None:
    """Refuses what is no integer of at least `least`; the names are keys of `train:`.

    Raises:
      UserError: names the key, its value and what it takes.
    """
    for key, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise wrong(key, value, f"an integer of at least {least}")


def wrong(key: str, value: Any, accepted: str) -> UserError:
    """Returns the error about a value of a key of `train:`."""
    return UserError(f"train.{key}={value}: takes {accepted}")


def parse_dtype(name: str) -> jnp.dtype:
    """Returns a dtype that a network can compute in.

    Raises:
      UserError: it is none.
    """
    if name not in DTYPES:
        raise wrong("dtype", name, f"one of {', '.join(DTYPES)}")
    return jnp.dtype(name)
