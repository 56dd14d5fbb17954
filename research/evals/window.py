"""Views of a larger canvas: what comes in at a border is what was there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from research.data.source import Dataset
from research.data.split import Split
from research.errors import UserError
from research.evals.engine.dense import require_one_answer
from research.evals.engine.embedding import Embedder, embedding_change
from research.evals.engine.grids import Found, Grid, summarize_grid, whole
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.models.network import Network
from research.tasks.metrics import agreement, correct
from research.transforms.shifts import Crop, draw_ring
from research.types import Count, Natural

Size = tuple[int, int]


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

    Costs 2 passes for each distance and (2m + 1)² for the grid.

    Attributes:
      canvas: a data set of larger images of the same kind, at their native resolution;
        windows are as large as the network's images. None: the images themselves are
        the canvas, and windows are 2m smaller, for a network that takes any size.
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
        canvas = self.views(split)
        size, full = self.size(split), canvas.images.shape[1:3]
        if canvas.images.shape[3] != split.images.shape[3]:
            raise self.refusal(
                "canvas",
                f"{canvas.images.shape[3]} channels",
                f"images of {split.images.shape[3]}, as the network does",
            )
        if min(size) < 1 or any(
            all_ < one + 2 * self.max_shift
            for all_, one in zip(full, size, strict=True)
        ):
            raise self.refusal(
                "max_shift",
                self.max_shift,
                f"windows with so many pixels around them, and {format_size(size)} of "
                f"{format_size(full)} have fewer: a smaller one, or a larger "
                "eval.window.canvas",
            )
        if isinstance(predict, Network) and not takes(predict, size, canvas):
            raise UserError(
                f"eval=window cuts windows of {format_size(size)} out of images of "
                f"{format_size(full)}, and the network takes no others than "
                f"{format_size(split.images.shape[1:3])}: give larger ones "
                "(+data@eval.window.canvas=…), model/head=gap, or leave window out "
                "of eval"
            )

    def views(self, split: Split) -> Split:
        """Returns the canvases."""
        larger = split if self.canvas is None else self.canvas.split(self.split)
        return larger.first(self.examples)

    def size(self, split: Split) -> Size:
        """Returns the size of a window."""
        less = 2 * self.max_shift if self.canvas is None else 0
        height, width = split.images.shape[1:3]
        return height - less, width - less

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the measurements by distance, then those of the grid."""
        canvas, size = self.views(split), self.size(split)
        full = canvas.images.shape[1:3]
        method = f"real content: windows of {format_size(size)} in {format_size(full)}"
        ask = partial(Embedder(predict, batch=self.batch), canvas.images, Crop(*size))
        room = np.subtract(full, size)
        for distance in range(1, self.distances + 1):
            first, second = draw_places(self.seed, len(canvas), distance, room)
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
        grid = whole(Crop(*size), "canvas", self.max_shift)
        grid = replace(grid, params={"max_shift": self.max_shift})
        same, scores, changes = around(ask, canvas, grid, room // 2)
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
    ask: Callable[[np.ndarray], Any], canvas: Split, grid: Grid, centre: np.ndarray
) -> tuple[Found, Found, Found]:
    """Returns agreement, scores and change of embeddings at every shift of a grid.

    Args:
      ask: `ask(places) → (logits, embeddings)` of the windows at these corners.
      canvas: the examples.
      grid: of shifts of the content, to which a window goes the opposite way.
      centre: the corner of the window that the others are compared with.
    """

    def at(place: np.ndarray) -> Any:
        return ask(np.tile(place.astype(np.int32), (len(canvas), 1)))

    still, vectors = at(centre)
    shape = (*grid.offsets.shape[:-1], len(canvas))
    labelled = "label" in canvas.arrays
    same, scores, change = (
        {name: np.empty(shape, np.float32)} if there else {}
        for name, there in (
            ("agreement", True),
            ("accuracy", labelled),
            ("embedding_change", vectors is not None),
        )
    )
    for place, offset in grid:
        logits, moved = at(centre - offset)
        same["agreement"][place] = agreement(logits, still)
        if labelled:
            scores["accuracy"][place] = correct(logits, canvas.labels)
        if vectors is not None:
            change["embedding_change"][place] = embedding_change(moved, vectors)
    return same, scores, change


def draw_places(
    seed: int, examples: int, distance: int, room: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Draws the corners of two windows, both within a canvas, for each example.

    Args:
      seed: example i gets the same ones however many there are.
      examples: how many.
      distance: max(|dy|, |dx|) from one to the other, pixels.
      room: (2,) largest corner; at least the distance along each axis.

    Returns:
      Both, (examples, 2) int32.
    """
    steps = draw_ring(jax.random.key(seed), examples, distance)
    low, high = np.maximum(0, -steps), room - np.maximum(0, steps)
    draws = np.random.default_rng([seed, distance]).random((examples, 2))
    first = (low + draws * (high - low + 1)).astype(np.int32)
    return first, (first + steps).astype(np.int32)


def takes(network: Network, size: Size, canvas: Split) -> bool:
    """Whether a network takes images of a size; computes nothing."""
    graph, state = nnx.split(network)
    shape = (1, *size, canvas.images.shape[3])
    image = jax.ShapeDtypeStruct(shape, jnp.float32)
    try:
        jax.eval_shape(lambda s, x: nnx.merge(graph, s)(x), state, image)
    except (UserError, TypeError, ValueError):  # JAX's errors of shapes
        return False
    return True


def format_size(size: tuple[int, ...]) -> str:
    """Returns `28×28`."""
    return "×".join(map(str, size))
