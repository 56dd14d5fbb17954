"""The settings of a training: the keys of `train:` in conf/train.yaml."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from numbers import Real
from typing import Any, Literal

import jax
import jax.numpy as jnp

from research.data.plan import Plan
from research.errors import UserError

SEVERAL = 16  # steps a dispatch: beyond that, dispatching costs next to nothing
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
      steps_per_dispatch: steps of one epoch that are one program, at most; `auto` and
        `epoch`: see `steps_of_a_dispatch`.
    """

    epochs: int
    batch_size: int
    dtype: str = "float32"
    checkpoint_seconds: float = 60.0
    device_bytes: int = 2**31
    shard_state: bool = False
    steps_per_dispatch: int | Literal["auto", "epoch"] = "auto"

    @classmethod
    def parse(cls, settings: Mapping[str, Any]) -> Training:
        """Returns the settings of a config's `train:`.

        Raises:
          UserError: a value is wrong, or a key unknown; names the key, its value and
            what it takes.
        """
        parsers: dict[str, Callable[[str, Any], Any]] = {
            "epochs": partial(parse_integer, least=1),
            "batch_size": partial(parse_integer, least=1),
            "dtype": lambda key, value: parse_dtype(value).name,
            "checkpoint_seconds": parse_duration,
            "device_bytes": partial(parse_integer, least=0),
            "shard_state": parse_flag,
            "steps_per_dispatch": parse_steps,
        }
        for key in settings:
            if key not in parsers:
                raise UserError(
                    f"train.{key}: no such key; there are {', '.join(parsers)}"
                )
        return cls(**{key: parsers[key](key, value) for key, value in settings.items()})

    def steps_of_a_dispatch(self, plan: Plan, *, resident: bool) -> int:
        """Returns how many steps are dispatched as one program, at most.

        An accelerator finishes a small step before Python has dispatched the next.
        `auto` is `SEVERAL` there, and `epoch` all steps of one, if the split lies on
        the devices; 1 for batches that the host makes one at a time. Both are 1 on a
        CPU, where a convolution in a loop takes some 25 times as long.

        Args:
          plan: of the training.
          resident: whether the split lies on the devices.
        """
        if isinstance(self.steps_per_dispatch, int):
            return self.steps_per_dispatch
        if not resident or jax.default_backend() == "cpu":
            return 1
        return SEVERAL if self.steps_per_dispatch == "auto" else plan.per_epoch

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


def parse_integer(key: str, value: Any, *, least: int) -> int:
    """Returns an integer of at least `least`; raises UserError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise refuse(key, value, f"an integer of at least {least}")
    return value


def parse_steps(key: str, value: Any) -> int | Literal["auto", "epoch"]:
    """Returns a word or an integer of at least 1; raises UserError for others."""
    if value in ("auto", "epoch"):
        return value
    try:
        return parse_integer(key, value, least=1)
    except UserError:
        raise refuse(key, value, "auto, epoch or an integer of at least 1") from None


def parse_duration(key: str, value: Any) -> float:
    """Returns seconds, at least 0; raises UserError for anything else."""
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not number or not value >= 0:  # NaN is not
        raise refuse(key, value, "a number of at least 0")
    return float(value)


def parse_flag(key: str, value: Any) -> bool:
    """Returns true or false; raises UserError for anything else."""
    if not isinstance(value, bool):
        raise refuse(key, value, "true or false")
    return value


def parse_dtype(name: Any) -> jnp.dtype:
    """Returns a dtype that a network can compute in; raises UserError for others."""
    if name not in DTYPES:
        raise refuse("dtype", name, f"one of {', '.join(DTYPES)}")
    return jnp.dtype(name)


def refuse(key: str, value: Any, accepted: str) -> UserError:
    """Returns the error about a value of a key of `train:`."""
    return UserError(f"train.{key}={value}: takes {accepted}")
