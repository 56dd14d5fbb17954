"""All circular shifts of every image: what a network makes of the whole orbit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int

from research.data.split import Split
from research.errors import one_of
from research.evals.engine.answers import agree, has_logits, score
from research.evals.engine.batches import batches
from research.evals.engine.closed_form import ClosedForm, Orbits
from research.evals.engine.orbits import BRUTE, METHODS, choose_method
from research.evals.engine.predictor import Predictor, Stored, Unit
from research.evals.engine.ties import margins
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.models.network import Network
from research.tasks.classification import CLASSIFICATION
from research.tasks.metrics import Scores, Values, mac, predictions
from research.tasks.task import Outputs, Task
from research.transforms.shifts import Draws, circular, draw_offsets

TIE = 1e-6  # relative margin below which rounding may choose the phase

PerShift = Float[np.ndarray, "examples rows columns"]  # of one period


@dataclass(frozen=True)
class Orbit(Evaluator):
    """Yields what the answer does over all H·W circular shifts of each image.

    `agreement` with the unshifted answer, the shift undone, and beside it the agreement
    at every shift, `map` (H, W); `worst_agreement`, the least over all shifts; where
    there are labels `accuracy` over all shifts and `worst_accuracy`, 1 for images that
    are right at every shift. Of logits all predictions, (N, P, Q) over one period, are
    kept, and there are `distinct`, the number of predictions for an image, and `mac`.
    `method` says `closed form` with the period, or `brute force`.

    The closed form is of logits that a task lets be when an image shifts; other answers
    take brute force. It is compared with the network at one random shift of each image:
    `closed_form_error` is the largest difference, as a fraction of the logits' standard
    deviation. Adaptive samplers may tie, and rounding then decides the phase: `ties` is
    the proportion of images where two phases come closer than 10⁻⁶ of the score.

    Attributes:
      method: `auto`: closed form where shifts share anything; `brute`: never; `closed`:
        there only, and no rows where brute force would be needed.
      examples: how many of the split, from the first; None: all.
      block: images whose orbits are held at once.
      memory: MiB of maps on each device, of the closed form.
      seed: of the shifts at which the closed form is checked.
      batch: images a call, of brute force.
      task: of the answers.
    """

    name: ClassVar[str] = "orbit"
    method: str = "auto"
    examples: int | None = 1000
    block: int = 64
    memory: int = 512
    seed: int = 0
    batch: int = 512
    task: Task = CLASSIFICATION

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(METHODS, self.method, "eval.orbit.method")
        self.at_least(0, seed=self.seed)
        self.at_least(1, examples=self.examples, block=self.block)
        self.at_least(1, memory=self.memory, batch=self.batch)

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the measurements; those of the closed form's accuracy come last."""
        split = split.first(self.examples)
        predictor = Predictor.of(predict, batch=self.batch)
        answer, how = choose_method(
            predictor,
            split.images,
            task=self.task,
            method=self.method,
            memory=self.memory,
        )
        if self.method == "closed" and how == BRUTE:
            return
        height, width = split.images.shape[1:3]
        last = (height - 1, width - 1)
        at = draw_offsets(jax.random.key(self.seed), len(split), 0, last)
        found = self.summarize(answer, split, at)
        yield from describe(found, (height, width), how)
        if how != BRUTE:
            direct = predictor.logits(split.images, circular, at)
            error = np.abs(found.logits - direct).max(1) / (direct.std() or 1)
            yield Measurement(
                "orbit",
                "closed_form_error",
                float(error.max()),
                len(split),
                method=how,
                arrays={"examples": error},
            )
        margin = margins(predictor.predict, split.images, batch=self.batch)
        if margin is not None:
            yield Measurement.of_examples(
                "orbit", "ties", margin < TIE, method=how, arrays={"margins": margin}
            )

    def summarize(
        self, answer: Callable[[Stored], Outputs], split: Split, at: Draws
    ) -> Summary:
        """Returns what is measured of all orbits, of which a block is held at once.

        Blocks are equal, for one compilation; the last is filled up.

        Args:
          answer: (B, H, W, C) images → answers (B, P, Q, …).
          split: N examples.
          at: (N, 2) a shift for each image, whose logits are kept.
        """
        count = len(split)
        size = -(-count // -(-count // self.block))
        blocks = []
        for shifts, *arrays in batches([at, *split.arrays.values()], size):
            truth = dict(zip(split.arrays, arrays, strict=True))
            blocks.append(summarize_block(self.task, answer, truth, shifts))
        return jax.tree.map(lambda *parts: np.concatenate(parts)[:count], *blocks)


class Summary(NamedTuple):
    """What is measured of the orbits of N images.

    Attributes:
      agreement: (N, P, Q) with the unshifted answer, over one period of shifts.
      scores: by measure, (N, P, Q); none without what is right.
      predictions: (N, P, Q) of logits, else None; so are the others.
      mac: (N,) mean absolute change of the probability of the unshifted prediction.
      logits: (N, K) at a given shift of each image.
    """

    agreement: PerShift
    scores: dict[str, PerShift]
    predictions: Int[np.ndarray, "examples rows columns"] | None = None
    mac: Values | None = None
    logits: Scores | None = None


def summarize_block(
    task: Task,
    answer: Callable[[Stored], Outputs],
    truth: Mapping[str, np.ndarray],
    at: Draws,
) -> Summary:
    """Returns what is measured of the orbits of some images.

    Args:
      task: of the answers.
      answer: (B, H, W, C) images → answers (B, P, Q, …).
      truth: the examples' arrays by name, B rows each.
      at: (B, 2) a shift for each image.
    """
    orbits = answer(truth["image"])
    count, *period = jax.tree.leaves(orbits)[0].shape[:3]
    shifts = math.prod(period)

    def flatten(leaf: np.ndarray) -> np.ndarray:
        return leaf.reshape(-1, *leaf.shape[3:])

    def per_shift(each: np.ndarray) -> np.ndarray:
        return each.reshape(count, *period)

    offsets = np.tile(np.indices(period, np.int32).reshape(2, -1).T, (count, 1))
    undone = task.undo(jax.tree.map(flatten, orbits), offsets)
    unshifted = jax.tree.map(lambda leaf: np.repeat(leaf[:, 0, 0], shifts, 0), orbits)
    repeated = {k: np.repeat(v, shifts, 0) for k, v in truth.items() if k != "image"}
    scores = score(task, undone, repeated)
    found = Summary(
        per_shift(agree(task, undone, unshifted)),
        {measure: per_shift(each) for measure, each in scores.items()},
    )
    if not has_logits(undone):
        return found
    still = np.broadcast_to(orbits[:, :1, :1], orbits.shape)
    dy, dx = (at % period).T
    return found._replace(
        predictions=predictions(orbits),
        mac=mac(orbits, still).mean((1, 2)),
        logits=orbits[np.arange(count), dy, dx],
    )


def describe(found: Summary, shape: tuple[int, int], how: str) -> Iterator[Measurement]:
    """Yields the measures of answers over one period of shifts.

    Args:
      found: of all images.
      shape: (H, W), multiples of (P, Q).
      how: how the answers were computed.
    """
    row = partial(Measurement.of_examples, "orbit", method=how)
    repeats = np.floor_divide(shape, found.agreement.shape[1:])
    kept = {"map": np.tile(found.agreement.mean(0), repeats)}
    if found.predictions is not None:
        kept = {"predictions": found.predictions} | kept
    yield row("agreement", found.agreement.mean((1, 2)), arrays=kept)
    yield row("worst_agreement", found.agreement.min((1, 2)))
    for measure, each in found.scores.items():
        yield row(measure, each.mean((1, 2)))
        yield row(f"worst_{measure}", each.min((1, 2)))
    if found.predictions is not None:
        distinct = np.array([len(np.unique(one)) for one in found.predictions])
        most = min(found.logits.shape[-1], math.prod(shape))
        yield row("distinct", distinct, bounds=(1.0, float(most)))
        yield row("mac", found.mac)


def orbit_logits(
    network: Network, images: Stored | Unit, *, memory: int = 512
) -> Orbits:
    """Returns the logits of every circular shift, (B, P, Q, K).

    Entry (p, q) is that of every shift (dy, dx) with dy ≡ p mod P and dx ≡ q mod Q, in
    inference mode. (P, Q) is the product of the strides where all stages commute with
    shifts and the readout does not depend on them; (H, W) otherwise.

    Args:
      network: stages and a readout.
      images: (B, H, W, C), uint8 or float in [0, 1].
      memory: MiB of maps on each device; see `ClosedForm`.
    """
    return ClosedForm(network, images, memory=memory).logits(images)
