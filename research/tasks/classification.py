"""Classification: one label per image, which no shift changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from jaxtyping import Array, Float, Real

from research.tasks.losses import cross_entropy, require_one_answer
from research.tasks.task import Batch, PerExample
from research.types import Logits


@dataclass(frozen=True)
class Classification:
    """Logits against an integer `label`; agreement is that of the top-1 classes.

    Attributes:
      minimise: `minimise(network, batch) → (mean loss, logits)`.
    """

    scores: ClassVar[tuple[str, ...]] = ("accuracy",)
    minimise: Callable[..., tuple[Array, Array]] = cross_entropy

    def loss(self, network: Any, batch: Batch) -> tuple[Float[Array, ""], Logits]:
        """Returns the mean loss and the logits; see `Task.loss`."""
        return self.minimise(network, batch)

    def score(
        self, outputs: Float[Any, "batch *places classes"], batch: Batch
    ) -> dict[str, PerExample]:
        """Returns `accuracy`: 1 where the largest logit is the label's, else 0."""
        require_one_answer(outputs)
        return {"accuracy": (outputs.argmax(-1) == batch["label"]).astype("float32")}

    def undo(
        self,
        outputs: Float[Any, "batch *places classes"],
        offsets: Real[Any, "batch 2"],
    ) -> Float[Any, "batch *places classes"]:
        """Returns the logits as they are: a class does not move with its image."""
        del offsets
        return outputs

    def agreement(
        self,
        a: Float[Any, "batch *places classes"],
        b: Float[Any, "batch *places classes"],
    ) -> PerExample:
        """Returns 1 where both predict the same class, else 0."""
        require_one_answer(a)
        return (a.argmax(-1) == b.argmax(-1)).astype("float32")


CLASSIFICATION = Classification()
