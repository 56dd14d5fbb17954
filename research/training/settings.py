"""The settings of a training: the keys of `train:` in conf/train.yaml."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

import jax
import jax.numpy as jnp

from research.data.plan import Plan
from research.errors import UserError, one_of
from research.types import Count, NonNegative, Range

SEVERAL = 16  # steps a dispatch: beyond that, dispatching costs next to nothing
Dtype = Literal["float32", "bfloat16", "float16"]  # that a network can compute in


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
      accumulate: parts in which a batch goes through the network, one after the other,
        before the optimiser's step.
      keep_best: what of the validation decides which epoch's network is kept beside the
        last: `loss` or a score of the task; None: none is.
      compile_only: whether the step is compiled, and nothing trained.
    """

    epochs: Count
    batch_size: Count
    dtype: Dtype = "float32"
    checkpoint_seconds: NonNegative = 60.0
    device_bytes: Annotated[int, Range(0)] = 2**31
    shard_state: bool = False
    steps_per_dispatch: Count | Literal["auto", "epoch"] = "auto"
    accumulate: Count = 1
    keep_best: str | None = None
    compile_only: bool = False

    @property
    def part(self) -> int:
        """Examples that are in the network at once, over all devices."""
        return self.batch_size // self.accumulate

    def check_best(self, scores: Sequence[str], *, validated: bool) -> None:
        """Refuses a measure by which no checkpoint can be chosen.

        Args:
          scores: of the task.
          validated: whether there are validation examples.

        Raises:
          UserError: names what there is.
        """
        if self.keep_best is None:
            return
        if self.keep_best not in (known := ("loss", *scores)):
            raise UserError(
                f"train.keep_best={self.keep_best}: takes {', '.join(known)} or null"
            )
        if not validated:
            raise UserError(
                f"train.keep_best={self.keep_best}: there are no validation examples; "
                "set data.validation_examples"
            )

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
          UserError: they do not fill a batch, or it has no such parts.
        """
        if self.batch_size > examples:
            raise UserError(
                f"train.batch_size={self.batch_size} for {examples} training examples: "
                f"takes 1 to {examples}; choose another, or a larger "
                "data.train_examples"
            )
        if self.batch_size % self.accumulate:
            raise UserError(
                f"train.accumulate={self.accumulate} for train.batch_size="
                f"{self.batch_size}: takes a divisor of it; choose another of either"
            )
        return Plan(examples, self.batch_size, self.epochs, seed)


def parse_dtype(name: Any) -> jnp.dtype:
    """Returns a dtype that a network can compute in; raises UserError for others."""
    return jnp.dtype(one_of(get_args(Dtype), name, "train.dtype"))
