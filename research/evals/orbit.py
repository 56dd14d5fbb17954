"""All circular shifts of every image: a network's answers over the whole orbit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

import jax
import numpy as np

from research import progress
from research.data.split import Split
from research.evals.engine.batches import batches
from research.evals.engine.closed_form import ClosedForm, Orbits
from research.evals.engine.orbits import (
    BRUTE,
    METHODS,
    Method,
    answer_bytes,
    choose_method,
    shift_on_grid,
)
from research.evals.engine.predictor import Predictor, Stored, Unit
from research.evals.engine.summary import Summary, describe, summarize_block
from research.evals.engine.ties import margins
from research.evals.engine.tolerance import current_tolerance
from research.evals.engine.verify import describe_probe, verify
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.models.network import Network
from research.tasks.classification import CLASSIFICATION
from research.tasks.task import Task
from research.transforms.shifts import Draws, draw_offsets
from research.types import Count, OneOf, Seed

SKIPPED = "none: it would take brute force"
HELD = 2**28  # bytes of answers at once, and of those that are kept for the check


@dataclass(frozen=True)
class Orbit(Evaluator):
    """Compares the answers to all H·W circular shifts of each image.

    Yields `agreement` with the unshifted answer, the shift undone, and beside it that
    at every shift, `map` (H, W); `worst_agreement`, the least over all shifts; where
    there are labels `accuracy` over all shifts and `worst_accuracy`, 1 for images that
    are right at every shift. Of logits all predictions, (N, P, Q) over one period, are
    kept, and there are `distinct`, the number of predictions for an image, and `mac`.
    `method` says `closed form` with the period, or `brute force`.

    The closed form needs logits that, by the task, stay as they are when an image
    shifts, or logits of every pixel that move with it; other answers take brute force.
    Which of the two it is, trials of each stage decide: `commutation_tolerance` and how
    near it they came (`describe_probe`). The closed form is compared with the network
    at one random shift of each image: `closed_form_error` is the largest difference, as
    a fraction of the logits' standard deviation. Neither a stage that cannot be decided
    nor an error beyond rounding is passed over: both are refused. Adaptive samplers may
    tie, and rounding then decides the phase: `ties` is the proportion of images where
    two phases come closer than 10⁻⁶ of the score in float32; they do not count in
    `closed_form_error`. All bounds follow the precision
    (`research.evals.engine.tolerance`).

    Attributes:
      method: `auto`: closed form where shifts share anything; `brute`: never; `closed`:
        there only, and where brute force would be needed one row, `skipped`, says so,
        beside those of the trials.
      examples: how many of the split, from the first; None: all.
      block: images whose orbits are held at once, at most: where answers are of every
        pixel, as many as 256 MiB hold.
      memory: MiB of maps on each device, of the closed form; see `ClosedForm`.
      seed: of the shifts at which the closed form is checked.
      batch: images a call, of brute force.
      task: of the answers.
    """

    name: ClassVar[str] = "orbit"
    labelled: ClassVar[tuple[str, ...]] = ("accuracy", "worst_accuracy")
    method: Annotated[str, OneOf(METHODS)] = "auto"
    examples: Count | None = 1000
    block: Count = 64
    memory: Count | None = None
    seed: Seed = 0
    batch: Count = 512
    task: Task = CLASSIFICATION

    @property
    def fine(self) -> int:
        """Positions of the grid of shifts in a pixel."""
        return 1

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the measurements; those that vouch for the closed form come last."""
        split = split.first(self.examples)
        predictor = Predictor.of(predict, batch=self.batch)
        found = choose_method(
            predictor,
            split.images,
            task=self.task,
            method=self.method,
            fine=self.fine,
            memory=self.memory,
        )
        if self.method == "closed" and found.name == BRUTE:
            yield Measurement("orbit", "skipped", 1, len(split), method=SKIPPED)
        else:
            yield from self.measure(predictor, split, found)
        if found.probe is not None:
            yield from describe_probe(found.probe, found.name)

    def measure(
        self, predictor: Predictor, split: Split, method: Method
    ) -> Iterator[Measurement]:
        """Yields the measurements of the answers, when they have passed their check."""
        height, width = (self.fine * size for size in split.images.shape[1:3])
        at = draw_offsets(
            jax.random.key(self.seed), len(split), 0, (height - 1, width - 1)
        )
        size = answer_bytes(predictor, split.images)
        if method.name == BRUTE:
            progress.expect(
                len(split) * height * width,
                f"all {height * width:,} shifts of {len(split):,} images one by one, "
                f"since no closed form holds (eval.{self.name}.examples=N takes fewer)",
            )
        found = self.summarize(method, split, at, size)
        margin = margins(predictor.predict, split.images, batch=self.batch)
        checks = []
        probe = None if method.name == BRUTE else method.probe
        if probe is not None:
            one = verify(
                found.chosen,
                predictor,
                split.images,
                at,
                perturb=shift_on_grid(self.fine),
                margin=margin,
                tolerance=probe.tolerance,
            )
            checks.append(replace(one, method=method.name))
        yield from describe(found, (height, width), method.name)
        yield from checks
        if margin is not None:
            yield Measurement.of_examples(
                "orbit",
                "ties",
                margin < current_tolerance().ties,
                method=method.name,
                arrays={"margins": margin},
            )

    def summarize(self, method: Method, split: Split, at: Draws, size: int) -> Summary:
        """Returns what is measured of all orbits, of which a block is held at once.

        Blocks are equal, for one compilation; the last is filled up.

        Args:
          method: how the answers are computed.
          split: N examples.
          at: (N, 2) a shift for each image, whose answers are kept, of as many of the
            first images as there is room for.
          size: bytes of an answer.
        """
        count = len(split)
        block = min(self.block, max(1, HELD // (method.held * size)))
        block = -(-count // -(-count // block))
        room = min(count, max(1, HELD // size))
        blocks: list[Summary] = []
        for shifts, *arrays in batches([at, *split.arrays.values()], block):
            truth = dict(zip(split.arrays, arrays, strict=True))
            one = summarize_block(self.task, method, truth, shifts, self.fine)
            left = max(0, room - block * len(blocks))
            chosen = jax.tree.map(lambda leaf, left=left: leaf[:left], one.chosen)
            blocks.append(one._replace(chosen=chosen))
        return jax.tree.map(lambda *parts: np.concatenate(parts)[:count], *blocks)


def orbit_logits(
    network: Network,
    images: Stored | Unit,
    *,
    fine: int = 1,
    memory: int | None = None,
) -> Orbits:
    """Returns the logits of every circular shift, (B, P, Q, K).

    Entry (p, q) is that of every shift (dy, dx) with dy ≡ p mod P and dx ≡ q mod Q, in
    inference mode. (P, Q) is the product of the strides where all stages commute with
    shifts and the readout does not depend on them; (H, W) otherwise. Of a network that
    answers at every pixel it is (B, P, Q, H, W, K), the answers to the shift (p, q)
    itself; those to others are shifts of these.

    Args:
      network: stages and a readout.
      images: (B, H, W, C), uint8 or float in [0, 1].
      fine: u: of every shift by multiples of 1/u pixel, in these.
      memory: MiB of maps on each device; see `ClosedForm`.

    Raises:
      UserError: as `ClosedForm`.
    """
    return ClosedForm(network, images, fine=fine, memory=memory).logits(images)
