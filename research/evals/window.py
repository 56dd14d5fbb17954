"""Views of a larger canvas: what comes in at a border is what was there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np

from research.data.source import Dataset
from research.data.split import Split
from research.errors import UserError
from research.evals.engine.dense import require_one_answer
from research.evals.engine.embedding import Embedder, embedding_change
from research.evals.engine.grids import Found, Grid, summarize_grid, whole
from research.evals.engine.windows import Canvases, format_size, takes
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.models.network import Network
from research.tasks.metrics import agreement, correct
from research.transforms.shifts import Crop
from research.types import Count, Natural


@dataclass(frozen=True)
class Window(Evaluator):
    """Compares views (h, w) of one larger image (H, W), cut out at different places.

    Nothing wraps and nothing is filled or resampled, so that content leaves and other
    content comes in, as it does when a camera moves. Yields

    - with `distance` d: `agreement` of the windows at o and at o + d, max(|dy|, |dx|) =
      d and o uniform where both lie inside; of networks of ours `embedding_change`, 1 −
      cosine of the two embeddings (see `research.evals.engine.embedding`);
    - with `max_shift` m: of all windows within ±m of the centre against the one in the
      centre `worst_agreement`, and where there are labels `worst_accuracy` and
      `accuracy`, their mean; and with `grid` the worst of the 8 `neighbours` and of the
      (2m)² that the publication takes, `crop`. `map` and `offsets` as in `eval=worst`;
    - with `grid` = `neighbours`: `embedding_change`, the mean of the 8.

    Data that keep the canvas of each image (`data=scenes`) say where the image lies on
    it: o, and the centre of the grid, are there.

    Costs 2 passes for each distance and (2m + 1)² for the grid.

    Attributes:
      canvas: a data set of larger images of the same kind, at their native resolution;
        windows are as large as the network's images. None: the canvases that the data
        have, or the images themselves, and windows that are 2m smaller, for a network
        that takes any size.
      split: of the canvas.
      max_shift: m, pixels.
      distances: largest distance d, pixels, at most 2m.
      examples: how many of the canvas, from the first; None: all.
      seed: of the places.
      batch: examples a call.

    References:
      O. Shifman, Y. Weiss, Lost in Translation: Modern Neural Networks Still Struggle
      with Small Realistic Image Transformations, ECCV 2024, arXiv:2404.07153; (grid) H.
      Michaeli, T. Michaeli, D. Soudry, CVPR 2023, arXiv:2303.08085.
    """

    name: ClassVar[str] = "window"
    canvas: Dataset | None = None
    split: str = "test"
    max_shift: Count = 3
    distances: Natural = 3
    examples: Count | None = None
    seed: Natural = 0
    batch: Count = 512

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.distances > 2 * self.max_shift:
            taken = f"at most 2·max_shift = {2 * self.max_shift}"
            raise self.refusal("distances", self.distances, taken)

    def check(self, predict: Callable[..., Any], split: Split) -> None:
        """Refuses a canvas that is too small, and windows that the network refuses.

        Answers at every pixel, too, which move with what is seen.
        """
        require_one_answer(predict, split, self.name)
        views = self.views(split)
        size, full, channels = views.size, views.full, views.split.images.shape[3]
        if channels != split.images.shape[3]:
            raise self.refusal(
                "canvas",
                f"{channels} channels",
                f"images of {split.images.shape[3]}, as the network does",
            )
        if min(size) < 1 or views.reach < self.max_shift:
            raise self.refusal(
                "max_shift",
                self.max_shift,
                f"windows with so many pixels around them, and {format_size(size)} of "
                f"{format_size(full)} have fewer: a smaller one, or a larger "
                "eval.window.canvas",
            )
        if views.fixed and self.distances > views.reach:
            raise self.refusal(
                "distances", self.distances, f"at most {views.reach} with these data"
            )
        if isinstance(predict, Network) and not takes(predict, size, channels):
            raise UserError(
                f"eval=window cuts windows of {format_size(size)} out of images of "
                f"{format_size(full)}, and the network takes no others than "
                f"{format_size(split.images.shape[1:3])}: give larger ones "
                "(data=scenes, or +data@eval.window.canvas=…), model/head=gap, or "
                "leave window out of eval"
            )

    def views(self, split: Split) -> Canvases:
        """Returns the canvases, and how large their windows are."""
        height, width = split.images.shape[1:3]
        if self.canvas is not None:
            larger = self.canvas.split(self.split).first(self.examples)
            return Canvases.centred(larger, (height, width))
        split = split.first(self.examples)
        if "canvas" in split.arrays:
            return Canvases.of_scenes(split)
        less = 2 * self.max_shift
        return Canvases.centred(split, (height - less, width - less))

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the measurements by distance, then those of the grid."""
        views = self.views(split)
        crop, method = Crop(*views.size), views.method
        embedder = Embedder(predict, batch=self.batch)
        ask = partial(embedder, views.split.images, crop)
        for distance in range(1, self.distances + 1):
            first, second = views.draw_pairs(self.seed, distance)
            (a, x), (b, y) = ask(first), ask(second)
            row = partial(
                Measurement.of_examples,
                "window",
                params={"distance": distance},
                method=method,
            )
            arrays = {"offsets": np.stack([first, second], 1)}
            yield row("agreement", agreement(a, b), arrays=arrays)
            if x is not None and y is not None:
                change = embedding_change(x, y)
                yield row("embedding_change", change, bounds=(0.0, 2.0))
        grid = whole(crop, "canvas", self.max_shift)
        grid = replace(grid, params={"max_shift": self.max_shift})
        same, scores, changes = around(ask, views, grid)
        yield from summarize_grid("window", same, scores, grid, method=method)
        if changes:
            near = changes["embedding_change"][grid.parts["neighbours"]].mean(0)
            yield Measurement.of_examples(
                "window",
                "embedding_change",
                near,
                params={**grid.params, "grid": "neighbours"},
                bounds=(0.0, 2.0),
                method=method,
            )


def around(
    ask: Callable[[np.ndarray], Any], views: Canvases, grid: Grid
) -> tuple[Found, Found, Found]:
    """Returns agreement, scores and change of embeddings at every shift of a grid.

    Args:
      ask: `ask(places) → (logits, embeddings)` of the windows at these corners.
      views: the examples.
      grid: of shifts of the content, to which a window goes the opposite way.
    """
    still, vectors = ask(views.corners)
    shape = (*grid.offsets.shape[:-1], len(views.split))
    labelled = "label" in views.split.arrays
    same, scores, change = (
        {name: np.empty(shape, np.float32)} if there else {}
        for name, there in (
            ("agreement", True),
            ("accuracy", labelled),
            ("embedding_change", vectors is not None),
        )
    )
    for place, offset in grid:
        logits, moved = ask(views.corners - offset)
        same["agreement"][place] = agreement(logits, still)
        if labelled:
            scores["accuracy"][place] = correct(logits, views.split.labels)
        if vectors is not None:
            change["embedding_change"][place] = embedding_change(moved, vectors)
    return same, scores, change
