"""All circular shifts of every image: what a classifier makes of the whole orbit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import numpy as np
from jaxtyping import Int

from research.data.split import Split
from research.errors import UserError
from research.evals.engine.closed_form import Orbit, Orbits
from research.evals.engine.predictor import Predictor, Stored, Unit, filled
from research.evals.engine.ties import margins
from research.evals.measurement import Measurement
from research.models.network import Network
from research.tasks.metrics import Classes, Scores, Values, mac, predictions
from research.transforms.shifts import Draws, circular, draw_offsets

Periods = Int[np.ndarray, "examples rows columns"]  # of one period of shifts

METHODS = ("auto", "brute", "closed")
BRUTE = "brute force"
TIE = 1e-6  # relative margin below which rounding may choose the phase


def evaluate(
    predict: Callable[..., Any],
    split: Split,
    *,
    method: str = "auto",
    examples: int | None = 1000,
    block: int = 64,
    memory: int = 512,
    seed: int = 0,
    batch: int = 512,
) -> Iterator[Measurement]:
    """Yields what the prediction does over all H·W circular shifts of each image.

    `agreement` with the unshifted prediction, beside it all predictions, (N, P, Q) over
    one period, and the agreement at every shift, `map` (H, W); `worst_agreement`, 1 for
    images with the same prediction at every shift; `accuracy` over all shifts and
    `worst_accuracy`, 1 for images classified correctly at every shift; `distinct`
    predictions for an image; `mac`. `method` says `closed form` with the period, or
    `brute force`.

    The closed form is compared with the network at one random shift of each image:
    `closed_form_error` is the largest difference, as a fraction of the logits' standard
    deviation. Adaptive samplers may tie, and rounding then decides the phase: `ties` is
    the proportion of images where two phases come closer than 10⁻⁶ of the score.

    Args:
      predict: any `images → logits`; the closed form takes a `Network`.
      split: (N, H, W, C) images and their labels.
      method: `auto`: closed form where shifts share anything; `brute`: never; `closed`:
        there only, and no rows where brute force would be needed.
      examples: how many of the split, from the first; None: all.
      block: images whose orbits are held at once.
      memory: MiB of maps on each device, of the closed form.
      seed: of the shifts at which the closed form is checked.
      batch: images a call, of brute force.

    Raises:
      UserError: an unknown method.
    """
    if method not in METHODS:
        raise UserError(f"eval.orbit.method={method}: there are {', '.join(METHODS)}")
    split = split.first(examples, "eval.orbit.examples")
    images, labels = split.images, split.labels
    predictor = Predictor.of(predict, batch=batch)

    def measured() -> Iterator[Measurement]:
        look, how = looker(predictor, images, method=method, memory=memory)
        network, height, width = predictor.predict, *images.shape[1:3]
        if method == "closed" and how == BRUTE:
            return
        at = draw_offsets(jax.random.key(seed), len(images), 0, (height - 1, width - 1))
        tops, changes, checked = looked(look, images, at, block)
        classes = checked.shape[-1]
        yield from summary(tops, changes, labels, (height, width), classes, how)
        if how != BRUTE:
            direct = predictor.logits(images, circular, at)
            error = np.abs(checked - direct).max(1) / (direct.std() or 1)
            yield Measurement(
                "orbit",
                "closed_form_error",
                float(error.max()),
                len(images),
                method=how,
                arrays={"examples": error},
            )
        margin = margins(network, images, batch=batch)
        if margin is not None:
            yield Measurement.of_examples(
                "orbit", "ties", margin < TIE, method=how, arrays={"margins": margin}
            )

    return measured()


def looker(
    predictor: Predictor, images: Stored, *, method: str = "auto", memory: int = 512
) -> tuple[Callable[[Stored], Orbits], str]:
    """Returns what looks at orbits, (B, H, W, C) images → (B, P, Q, K) logits, and how.

    Args:
      predictor: of any classifier; the closed form takes a `Network`.
      images: examples.
      method: see `evaluate`.
      memory: see `evaluate`.
    """
    if method != "brute" and isinstance(predictor.predict, Network):
        orbit = Orbit(predictor.predict, images, memory=memory)
        if orbit.shared:
            rows, columns = orbit.period
            return orbit.logits, f"closed form, period {rows}×{columns}"
    return partial(brute_logits, predictor), BRUTE


def looked(
    look: Callable[..., Orbits], images: Stored, at: Draws, block: int
) -> tuple[Periods, Values, Scores]:
    """Looks at all orbits, so many at a time, and keeps what is measured.

    Args:
      look: (B, H, W, C) images → (B, P, Q, K) logits.
      images: (N, H, W, C).
      at: (N, 2) a shift for each image.
      block: largest B. Blocks are equal, for one compilation; the last is filled up.

    Returns:
      (N, P, Q) predictions, (N,) mean absolute changes of the probability of the
      unshifted prediction, and (N, K) logits at the given shifts.
    """
    tops, changes, checked = [], [], []
    size = -(-len(images) // -(-len(images) // block))
    for start in range(0, len(images), size):
        part, shifts = images[start : start + size], at[start : start + size]
        logits = look(filled(part, size))[: len(part)]
        unshifted = np.broadcast_to(logits[:, :1, :1], logits.shape)
        tops.append(predictions(logits))
        changes.append(mac(logits, unshifted).mean((1, 2)))
        dy, dx = (shifts % logits.shape[1:3]).T
        checked.append(logits[np.arange(len(part)), dy, dx])
    return np.concatenate(tops), np.concatenate(changes), np.concatenate(checked)


def summary(
    tops: Periods,
    changes: Values,
    labels: Classes,
    shape: tuple[int, int],
    classes: int,
    how: str,
) -> Iterator[Measurement]:
    """Yields the measures of predictions over one period of shifts.

    Args:
      tops: (N, P, Q) predictions.
      changes: (N,) mean absolute change of the probability over all shifts.
      labels: (N,).
      shape: (H, W), multiples of (P, Q).
      classes: how many there are.
      how: how the predictions were computed.
    """
    same = tops == tops[:, :1, :1]
    right = tops == labels[:, None, None]
    repeats = np.floor_divide(shape, tops.shape[1:])
    kept = {"predictions": tops, "map": np.tile(same.mean(0), repeats)}
    orbit = partial(Measurement.of_examples, "orbit", method=how)
    yield orbit("agreement", same.mean((1, 2)), arrays=kept)
    yield orbit("worst_agreement", same.all((1, 2)))
    yield orbit("accuracy", right.mean((1, 2)))
    yield orbit("worst_accuracy", right.all((1, 2)))
    distinct = np.array([len(np.unique(one)) for one in tops])
    yield orbit(
        "distinct", distinct, bounds=(1.0, float(min(classes, math.prod(shape))))
    )
    yield orbit("mac", changes)


def orbit_logits(
    network: Network, images: Stored | Unit, *, memory: int = 512
) -> Orbits:
    """Returns the logits of every circular shift, (B, P, Q, K).

    Entry (p, q) is that of every shift (dy, dx) with dy ≡ p mod P and dx ≡ q mod Q, in
    inference mode. (P, Q) is the product of the strides where all stages commute with
    shifts and the readout does not see them; (H, W) where they do not.

    Args:
      network: stages and a readout.
      images: (B, H, W, C), uint8 or float in [0, 1].
      memory: MiB of maps on each device; see `Orbit`.
    """
    return Orbit(network, images, memory=memory).logits(images)


def brute_logits(predictor: Predictor, images: Stored | Unit) -> Orbits:
    """Returns the logits of every circular shift, a pass for each: (B, H, W, K)."""
    height, width = images.shape[1:3]
    rows = np.repeat(images, width, 0)
    columns = np.tile(np.arange(width, dtype=np.int32), len(images))
    orbits = [
        predictor.logits(
            rows, circular, np.stack([np.full_like(columns, dy), columns], 1)
        ).reshape(len(images), width, -1)
        for dy in range(height)
    ]
    return np.stack(orbits, 1)
