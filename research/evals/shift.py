"""Agreement under shifts of a few pixels: the published protocols, and by distance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, ClassVar

import jax
import numpy as np

from research.data.split import Split
from research.evals.engine.answers import agree, compare_answers
from research.evals.engine.phases import sampled_maps
from research.evals.engine.predictor import Predictor
from research.evals.engine.views import PUBLISHED, View, Views, make_draw, protocols
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.tasks.classification import CLASSIFICATION
from research.tasks.task import Outputs, Task
from research.transforms.shifts import along, circular, draw_ring, shortest, zero
from research.types import Count, Natural, OneOf, Seed


@dataclass(frozen=True)
class Shift(Evaluator):
    """Measures what small shifts change, each example shifted on its own.

    The protocols are `circular`, two independent circular shifts; `crop`, two
    independent crops of an image that zeros enlarge, as their rows say (`eval=window`
    cuts larger images); and `zero`, a translation filled with zeros against the
    unshifted image. The measures are `agreement` of the two answers, with their shifts
    undone; and of the first view its `accuracy`, where there are labels, and of logits
    `mac` and `relative_logit_distance` to the unshifted image. The predictions and
    offsets of both views are kept. An axis of one pixel, as of a signal, is not
    shifted.

    Then `agreement` against distance: `circular` and `zero` with a parameter `distance`
    compare an image whose offset has this ∞-norm with the unshifted one. Distances
    beyond half the image are left out: from there a circular shift comes back.

    Of a network whose samplers adapt to the map there is `undivided_maps`, too: how
    many of the maps that they get their stride does not divide. Where there are some,
    circular shifts change answers even if every border wraps.

    Attributes:
      max_shift: m: offsets are uniform on [−m, m]², both ends inclusive; 3 on CIFAR, 32
        on ImageNet.
      pad: r of the crop protocol: offsets are uniform on [0, r)². None: 2m + 1, which
        makes the crops all translations within ±m.
      distances: largest distance d, pixels.
      compat: adds the loop of a publication, the rows under its name (see `PUBLISHED`):
        `aps_cifar`, `aps_imagenet` or `zhang`. They have no interval: one offset serves
        a whole batch, and few batches are no sample of offsets.
      examples: how many of the split, from the first; None: all.
      seed: of the offsets: they are the same for every classifier.
      batch: examples a call; under `compat` also how many share an offset.
      task: of the answers.

    References:
      R. Zhang, ICML 2019, arXiv:1904.11486 (crop); A. Chaman and I. Dokmanić, CVPR
      2021, arXiv:2011.14214 (circular).
    """

    name: ClassVar[str] = "shift"
    labelled: ClassVar[tuple[str, ...]] = ("accuracy",)
    max_shift: Count = 3
    pad: Count | None = None
    distances: Natural = 6
    compat: Annotated[str, OneOf(tuple(PUBLISHED))] | None = None
    examples: Count | None = None
    seed: Seed = 0
    batch: Count = 512
    task: Task = CLASSIFICATION

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.compat is not None and self.compat not in PUBLISHED:
            loops = ", ".join(PUBLISHED)
            raise self.refusal("compat", self.compat, f"{loops} or null")

    def check(self, predict: Callable[..., Any], split: Split) -> None:
        """Refuses shifts as large as the images."""
        height, width = split.images.shape[1:3]
        most = shortest((height, width)) - 1
        if self.max_shift > most:
            raise self.refusal(
                "max_shift",
                self.max_shift,
                f"1 to {most} for images of {height}×{width}",
            )

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the measurements: a publication's, the protocols', by distance."""
        height, width, channels = split.images.shape[1:]
        if maps := sampled_maps(predict, (height, width, channels)):
            undivided = sum(not one.tiled for one in maps)
            yield Measurement("circular", "undivided_maps", undivided, len(maps))
        split = split.first(self.examples)
        predictor = Predictor.of(predict, batch=self.batch)
        unshifted = predictor.outputs(split.images)
        compare = partial(self.compare, predictor, split, unshifted)
        m, count, size = self.max_shift, len(split), split.images.shape[1:3]
        pad = 2 * m + 1 if self.pad is None else self.pad
        pairs = [*protocols(size, make_draw(self.seed, count, size=size), m, pad)]
        if self.compat is not None:
            shared = make_draw(self.seed, count, self.batch, size)
            views = PUBLISHED[self.compat](size, shared, m, pad)
            params = {**views.params, "batch": self.batch}
            for one in compare(replace(views, params=params)):
                # examples that share an offset are not independent
                yield replace(one, low=None, high=None, interval="")
        for views in pairs:
            yield from compare(views)
        for distance in range(1, min(self.distances, shortest(size) // 2) + 1):
            ring = draw_ring(jax.random.key(self.seed), count, distance)
            ring = along(ring, size)
            for protocol, perturb in (("circular", circular), ("zero", zero)):
                view = View(perturb, ring, ring)
                yield Measurement.of_examples(
                    protocol,
                    "agreement",
                    agree(self.task, self.answers(predictor, split, view), unshifted),
                    params={"distance": distance},
                )

    def compare(
        self, predictor: Predictor, split: Split, unshifted: Outputs, views: Views
    ) -> Iterator[Measurement]:
        """Yields the measures of one pair of views."""
        offsets, other = [views.first.offsets], None
        first = self.answers(predictor, split, views.first)
        if views.second is not None:
            other = self.answers(predictor, split, views.second)
            offsets.append(views.second.offsets)
        return compare_answers(
            views.protocol,
            first,
            unshifted,
            split,
            task=self.task,
            params=views.params,
            other=unshifted if other is None else other,
            arrays={"offsets": np.stack(offsets, 1)},
            method=views.method,
        )

    def answers(self, predictor: Predictor, split: Split, view: View) -> Outputs:
        """Returns the answers to a view of every image, its shift undone."""
        answers = predictor.outputs(split.images, view.perturb, view.offsets)
        return self.task.undo(answers, view.shifts)
