"""Consistency of label maps: do they move with their images?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar, NamedTuple

import jax
import numpy as np

from research.data.split import Split
from research.evals.engine.dense import Labeller, LabelMaps, require_label_maps
from research.evals.engine.predictor import Perturb
from research.evals.engine.views import make_draw
from research.evals.evaluator import Evaluator
from research.evals.fragile import STEPS
from research.evals.measurement import Measurement
from research.stats import resample_sums
from research.tasks.classification import CLASSIFICATION
from research.tasks.confusion import divide
from research.tasks.consistency import count_agreement, roll_back, stays_inside
from research.tasks.task import Task
from research.transforms.shifts import (
    Draws,
    along,
    circular,
    draw_ring,
    shortest,
    zero,
)
from research.types import Count, Natural, OneOf, Seed

PUBLISHED = ("massc",)
SHIFTS: dict[str, Perturb] = {"circular": circular, "linear": zero}


class Unshifted(NamedTuple):
    """The examples, and the label maps of the images as they are.

    Attributes:
      split: N examples.
      labels: (N, H, W).
      ignore: the label of pixels that have none.
    """

    split: Split
    labels: LabelMaps
    ignore: int


@dataclass(frozen=True)
class Consistency(Evaluator):
    """Compares the label map of an image with those of its shifts, each shift undone.

    The protocol `consistency_circular` rolls images. `consistency_linear` fills with
    zeros what comes in, which is the published crop of an image that m zeros surround,
    and compares what both views show. Offsets are uniform on [−m, m]², both ends
    inclusive, and every example has its own at each draw. Yields for each

    - `agreement`: the share of the pixels that keep their class, with a label or
      without (mASSC), mean over draws and examples;

    and where there are masks, of the pixels with a label that both views show,

    - `agreement_where_right`: of those that are right in the image as it is, the share
      that keep their class, which is then the label;
    - `pixel_accuracy` of the shifted view.

    These two are ratios of sums over the set. A constant map has an agreement of 1 and
    stays right wherever it is: only its accuracy, the share of its class, gives it
    away, so that no agreement should be read without the third.

    With the parameter `distance` d `agreement` is of one shift with max(|dy|, |dx|) = d
    of each example; those beyond half the image are left out, as from there a circular
    shift comes back. Then, of the first `pictures` examples, `flips` of protocol
    `neighbours`: the share of the 8 circular shifts by one pixel that change the class
    of a pixel, mean over pixels, with `map` (P, H, W) beside it, and `images`, `masks`,
    where there are, and `predictions`.

    Attributes:
      max_shift: m, pixels. 32 in the publication, whose images are about ten times as
        large as those of 32×32, where 3 is the same part of an image.
      draws: of each example.
      distances: largest distance d, pixels.
      compat: `massc` adds the published loop, with protocols of that name: one offset
        serves a whole batch, and batches count alike, however many examples they have.
        They have no interval: few batches are no sample of offsets.
      pictures: examples whose map of flips is kept.
      examples: how many of the split, from the first; None: all.
      seed: of the offsets: they are the same for every network.
      batch: examples a call; under `compat` also how many share an offset.
      task: of the answers: task=segmentation, whose `ignore` counts.

    References:
      X. Zou et al., Delving Deeper into Anti-aliasing in ConvNets, BMVC 2020,
      arXiv:2008.09604; (both kinds) R. A. Rojas-Gomez et al., Learnable Polyphase
      Sampling, NeurIPS 2022, arXiv:2210.08001.
    """

    name: ClassVar[str] = "consistency"
    max_shift: Count = 3
    draws: Count = 5
    distances: Natural = 6
    compat: Annotated[str, OneOf(PUBLISHED)] | None = None
    pictures: Natural = 8
    examples: Count | None = None
    seed: Seed = 0
    batch: Count = 512
    task: Task = CLASSIFICATION

    def check(self, predict: Callable[..., Any], split: Split) -> None:
        """Refuses other tasks and networks, and shifts as large as the images."""
        require_label_maps(predict, split, self.task, self.name)
        height, width = split.images.shape[1:3]
        most = shortest((height, width)) - 1
        if self.max_shift > most:
            accepted = f"1 to {most} for images of {height}×{width}"
            raise self.refusal("max_shift", self.max_shift, accepted)

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the measurements of each kind, by distance, and of one pixel."""
        task = require_label_maps(predict, split, self.task, self.name)
        split = split.first(self.examples)
        label = Labeller(predict, batch=self.batch)
        still = Unshifted(split, label(split.images)[0], task.ignore)
        size, count = split.images.shape[1:3], len(split)
        for kind, shift in SHIFTS.items():
            ask = partial(compare, label, still, kind, shift)
            yield from self.measure(kind, ask, make_draw(self.seed, count, size=size))
            if self.compat is not None:
                draw = make_draw(self.seed, count, self.batch, size)
                yield self.publish(kind, ask, draw, count)
            for distance in range(1, min(self.distances, shortest(size) // 2) + 1):
                ring = draw_ring(jax.random.key(self.seed), count, distance)
                same = ask(along(ring, size))["agreement"]
                yield Measurement.of_examples(
                    f"consistency_{kind}",
                    "agreement",
                    divide(*same.T),
                    params={"distance": distance},
                )
        if self.pictures:
            yield count_flips(label, still, self.pictures)

    def measure(
        self, kind: str, ask: Callable[..., Any], draw: Callable[..., Draws]
    ) -> Iterator[Measurement]:
        """Yields the measures of offsets that every example draws on its own."""
        m, protocol = self.max_shift, f"consistency_{kind}"
        found = [ask(draw(-m, m)) for _ in range(self.draws)]
        params = {"max_shift": m, "draws": self.draws}
        shares = [divide(*each["agreement"].T) for each in found]
        same = np.mean(shares, 0)
        yield Measurement.of_examples(protocol, "agreement", same, params=params)
        for name in found[0]:
            if name == "agreement":
                continue
            counts = np.sum([each[name] for each in found], 0)
            yield Measurement.of_draws(
                protocol,
                name,
                float(divide(*counts.sum(0))),
                divide(*resample_sums(counts).T),
                len(counts),
                params=params,
            )

    def publish(
        self,
        kind: str,
        ask: Callable[..., Any],
        draw: Callable[..., Draws],
        count: int,
    ) -> Measurement:
        """Returns mASSC, of offsets that a batch shares."""
        m, starts = self.max_shift, range(0, count, self.batch)
        means = []
        for _ in range(self.draws):
            same = divide(*ask(draw(-m, m))["agreement"].T)
            batches = [same[start : start + self.batch].mean() for start in starts]
            means.append(np.mean(batches))
        params = {"max_shift": m, "draws": self.draws, "batch": self.batch}
        value = float(np.mean(means))
        return Measurement(f"massc_{kind}", "agreement", value, count, params=params)


def compare(
    label: Labeller, still: Unshifted, kind: str, shift: Perturb, offsets: Draws
) -> dict[str, np.ndarray]:
    """Returns what pixels of each example do under a shift, by measure.

    Args:
      label: makes label maps.
      still: the examples as they are.
      kind: `circular`, or `linear`, where only what both views show counts.
      shift: perturbs images.
      offsets: (N, 2) by which their content moves.

    Returns:
      (N, 2): of how many pixels it is true, and how many it could be true of.
    """
    split, before, ignore = still
    after = roll_back(label(split.images, shift, offsets)[0], offsets)
    seen = np.ones(before.shape, bool)
    if kind == "linear":
        seen = stays_inside(offsets, before.shape[1:])
    found = {"agreement": count_agreement(before, after, seen)}
    if "mask" in split.arrays:
        mask = split["mask"]
        known = seen & (mask != ignore)
        right = known & (before == mask)
        found["agreement_where_right"] = count_agreement(before, after, right)
        found["pixel_accuracy"] = count_agreement(mask, after, known)
    return found


def count_flips(label: Labeller, still: Unshifted, pictures: int) -> Measurement:
    """Returns how often a shift of one pixel changes a pixel's class, with the map.

    Args:
      label: makes label maps.
      still: the examples as they are.
      pictures: how many of them, from the first.
    """
    split, before = still.split.first(pictures), still.labels[:pictures]
    flips = np.zeros(before.shape, np.float32)
    for step in STEPS:
        offsets = np.tile(np.array(step, np.int32), (len(split), 1))
        moved, _ = label(split.images, circular, offsets)
        flips += roll_back(moved, offsets) != before
    shares = flips / len(STEPS)
    kept = {"map": shares, "images": split.images, "predictions": before}
    if "mask" in split.arrays:
        kept["masks"] = split["mask"]
    return Measurement.of_examples(
        "neighbours", "flips", shares.mean((1, 2), dtype=np.float64), arrays=kept
    )
