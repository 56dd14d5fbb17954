"""Views of a larger canvas: what comes in at a border is what was there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, ClassVar

import numpy as np

from research.data.source import Dataset
from research.data.split import Split
from research.errors import UserError
from research.evals.engine.dense import require_one_answer
from research.evals.engine.embedding import Embedder, embedding_change
from research.evals.engine.grids import summarize_grid, whole
from research.evals.engine.slices import Slices
from research.evals.engine.steps import compare_frames, summarize_steps
from research.evals.engine.window_grid import (
    Answer,
    Ask,
    around,
    ask_moved,
    ask_slices,
    check_form,
    name_method,
)
from research.evals.engine.windows import Canvases, format_size, takes
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.models.network import Network
from research.tasks.metrics import agreement, mac
from research.types import Count, Natural, OneOf

DIRECTIONS = ((0, 1), (1, 0))  # of paths: right, and down
CHANGES = (0.0, 2.0)  # least and largest change of an embedding


@dataclass(frozen=True)
class Window(Evaluator):
    """Compares views (h, w) of one larger image (H, W), cut out at different places.

    Nothing wraps and nothing is filled, so that content leaves and other
    content comes in, as it does when a camera moves. Yields

    - with `distance` d: `agreement` of the windows at o and at o + d, max(|dy|, |dx|) =
      d and o uniform where both lie inside, and `mac`, by how much the probability of
      the first's class changes; of networks of ours `embedding_change`, 1 − cosine of
      the two embeddings (see `research.evals.engine.embedding`);
    - with `max_shift` m: of all windows within ±m of the centre against the one in the
      centre `worst_agreement`, and where there are labels `worst_accuracy` and
      `accuracy`, their mean; and with `grid` the worst of the 8 `neighbours` and of the
      (2m)² that the publication takes, `crop`. `map` and `offsets` as in `eval=worst`;
    - with `grid` = `neighbours`: `embedding_change`, the mean of the 8;
    - with `path` n and `direction`: `flip_rate`, `top5_distance` and `embedding_change`
      from window to window along n steps of one pixel, right and down, through the
      centre, as `eval=flip` has them; the means over examples at each step, `steps`
      (n,), are kept beside.

    Data that keep the canvas of each image (`data=scenes`, `data=photos`) say where the
    image lies on it: o, and the centre of the grid, are there. With `data.zoom` the
    windows are scaled to the image after they are cut.

    Costs 2 passes for each distance (1 where o is the centre), 2 (n + 1) for the paths
    and (2m + 1)² for the grid. Of a network of ours without padding the grid is in
    closed form (`research.evals.engine.slices`): each stage runs once over the canvas,
    whatever m is. It is checked against the network at one of the windows:
    `closed_form_error` is the largest difference, as a fraction of the logits' standard
    deviation.

    Attributes:
      canvas: a data set of larger images of the same kind, at their native resolution;
        windows are as large as the network's images. None: the canvases that the data
        have, or the images themselves, and windows that are 2m smaller, for a network
        that takes any size.
      split: of the canvas.
      max_shift: m, pixels; 0: no grid.
      distances: largest distance d, pixels.
      path: n, steps of a path; 0: none.
      method: `auto`: the grid in closed form where there is one; `brute`: never.
      examples: how many of the canvas, from the first; None: all.
      seed: of the places.
      batch: examples a call.

    References:
      O. Shifman, Y. Weiss, Lost in Translation: Modern Neural Networks Still Struggle
      with Small Realistic Image Transformations, ECCV 2024, arXiv:2404.07153; (grid) H.
      Michaeli, T. Michaeli, D. Soudry, CVPR 2023, arXiv:2303.08085.
    """

    name: ClassVar[str] = "window"
    labelled: ClassVar[tuple[str, ...]] = ("accuracy", "worst_accuracy")
    canvas: Dataset | None = None
    split: str = "test"
    max_shift: Natural = 3
    distances: Natural = 3
    path: Natural = 0
    method: Annotated[str, OneOf(("auto", "brute"))] = "auto"
    examples: Count | None = None
    seed: Natural = 0
    batch: Count = 512

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
        most = views.reach if views.fixed else int(views.room.min())
        if self.distances > most:
            raise self.refusal(
                "distances",
                self.distances,
                f"at most {most} with these data, which keep no more around an image",
            )
        if (steps := self.path - self.path // 2) > views.reach:
            raise self.refusal(
                "path",
                self.path,
                f"at most {2 * views.reach}, since {steps} steps from the centre must "
                f"lie on the canvas, and windows move by {views.reach} pixels at most",
            )
        size = views.seen or size
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
        """Yields the measurements by distance, along paths, then those of the grid."""
        views = self.views(split)
        embedder = Embedder(predict, batch=self.batch)
        ask = partial(embedder, views.split.images, views.crop)
        still = ask(views.corners)
        yield from self.compare_pairs(ask, views, still)
        if self.path:
            for direction in DIRECTIONS:
                yield from self.walk(ask, views, direction)
        if not self.max_shift:
            return
        form = self.find_form(predict, views)
        each: Ask = partial(ask_moved, ask, views)
        if form is not None:
            slices = ask_slices(form, views, self.max_shift)
            place = self.max_shift, self.max_shift - 1  # no mirror image of itself
            yield check_form(slices(place), each(place), form, views)
            each = slices
        yield from self.try_grid(each, views, still, name_method(views, form))

    def compare_pairs(
        self, ask: Ask, views: Canvases, still: Answer
    ) -> Iterator[Measurement]:
        """Yields how alike two windows are, by their distance."""
        for distance in range(1, self.distances + 1):
            first, second = views.draw_pairs(self.seed, distance)
            (a, x), (b, y) = still if views.fixed else ask(first), ask(second)
            row = partial(
                Measurement.of_examples,
                "window",
                params={"distance": distance},
                method=views.method,
            )
            arrays = {"offsets": np.stack([first, second], 1)}
            yield row("agreement", agreement(a, b), arrays=arrays)
            yield row("mac", mac(b, a))
            if x is not None and y is not None:
                change = embedding_change(x, y)
                yield row("embedding_change", change, bounds=CHANGES)

    def walk(
        self, ask: Ask, views: Canvases, direction: tuple[int, int]
    ) -> Iterator[Measurement]:
        """Yields what changes along a path of one-pixel steps through the centre."""
        first = -(self.path // 2)
        steps = compare_frames(
            ask(views.corners + np.multiply(step, direction, dtype=np.int32))
            for step in range(first, first + self.path + 1)
        )
        yield from summarize_steps(
            "window",
            steps,
            params={"path": self.path, "direction": list(direction)},
            method=views.method,
        )

    def find_form(self, predict: Callable[..., Any], views: Canvases) -> Slices | None:
        """Returns the closed form of the grid, None where there is none."""
        if self.method == "brute" or views.seen or not isinstance(predict, Network):
            return None
        return Slices.of(predict, (*views.size, views.split.images.shape[3]))

    def try_grid(
        self, ask: Ask, views: Canvases, still: Answer, method: str
    ) -> Iterator[Measurement]:
        """Yields what happens at the worst of all windows around the centre.

        Args:
          ask: of the windows that content which moves by (dy, dx) is seen through.
          views: the examples.
          still: the answer to the windows in the centre.
          method: by which it answers.
        """
        grid = whole(views.crop, "canvas", self.max_shift)
        grid = replace(grid, params={"max_shift": self.max_shift})
        same, scores, changes = around(ask, views, grid, still)
        yield from summarize_grid("window", same, scores, grid, method=method)
        if changes:
            near = changes["embedding_change"][grid.parts["neighbours"]].mean(0)
            yield Measurement.of_examples(
                "window",
                "embedding_change",
                near,
                params={**grid.params, "grid": "neighbours"},
                bounds=CHANGES,
                method=method,
            )
