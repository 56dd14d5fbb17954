"""Objects on a larger canvas, moved by one pixel at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from research.data.split import Split
from research.errors import UserError
from research.evals.engine.predictor import Predictor
from research.evals.measurement import Measurement
from research.tasks import metrics
from research.types import Images


@dataclass(frozen=True)
class Embed:
    """Resizes an image (bilinear, antialiased) and puts it on a canvas of its old size.

    Attributes:
      height: of the resized object, pixels.
      width: likewise.
      background: of the canvas in [0, 1], a value or one for each channel.
    """

    height: int
    width: int
    background: float | tuple[float, ...] = 0.0

    def __call__(self, images: Images, places: Int[Array, "batch 2"]) -> Images:
        """Returns the canvases, (batch, H, W, C).

        Args:
          images: (batch, H, W, C).
          places: (row, column) of the object's top left corner, in [0, H − height] and
            [0, W − width].
        """
        batch, rows, columns, channels = images.shape
        size = (batch, self.height, self.width, channels)
        objects = jax.image.resize(images, size, "linear")
        empty = jnp.broadcast_to(
            jnp.asarray(self.background), (rows, columns, channels)
        )

        def put(thing: Array, place: Array) -> Array:
            return jax.lax.dynamic_update_slice(empty, thing, (*place, 0))

        return jax.vmap(put)(objects, places)


def evaluate(
    predict: Callable[..., Any],
    split: Split,
    *,
    size: float = 0.5,
    steps: int = 6,
    background: float | Sequence[float] = 0.0,
    seed: int = 0,
    batch: int = 512,
) -> Iterator[Measurement]:
    """Moves each object along a path of 1-pixel steps from a random place.

    The place is uniform over all that hold the object whole, the axis of the path is
    drawn, and the path leads towards the farther border.

    Args:
      predict: any `images → logits`.
      split: (N, H, W, C) images and their labels; the canvas has their size.
      size: of the object, as a fraction of the canvas.
      steps: of the path, each 1 pixel; at most half the room, rounded up.
      background: of the canvas in [0, 1], a value or one for each channel.
      seed: of places and axes.
      batch: examples a call.

    Yields:
      `accuracy` at the first place; of the first step `flip` (whether the prediction
      changes: its mean is P(top-1 changes)) and `mac` (|Δp| of the first prediction);
      of the path `jaggedness`, the number of steps at which the prediction changes.

    Raises:
      UserError: the object does not fit, or the path is too long for its room.

    References:
      A. Azulay, Y. Weiss, Why do deep convolutional networks generalize so poorly to
      small image transformations?, JMLR 20, 2019, arXiv:1805.12177.
    """
    embed, room = fitted(split, size, background, "eval.embed.size")
    longest = (min(room) + 1) // 2
    if not 1 <= steps <= longest:
        raise UserError(
            f"eval.embed.steps={steps}: an object of {embed.height}×{embed.width} "
            f"leaves room for paths of 1 to {longest} pixels; or reduce eval.embed.size"
        )
    predictor = Predictor.of(predict, batch=batch)

    def measured() -> Iterator[Measurement]:
        places, step = draw_paths(seed, len(split), room)
        logits = [
            predictor.logits(split.images, embed, places + taken * step)
            for taken in range(steps + 1)
        ]
        tops = np.stack([metrics.predictions(one) for one in logits])
        params = {"size": size, "steps": steps}
        measures = {
            "accuracy": metrics.correct(logits[0], split.labels),
            "flip": 1 - metrics.agreement(logits[1], logits[0]),
            "mac": metrics.mac(logits[1], logits[0]),
            "jaggedness": (tops[1:] != tops[:-1]).sum(0),
        }
        for measure, examples in measures.items():
            path = measure == "jaggedness"
            arrays = (
                {"predictions": tops.T, "places": places, "step": step} if path else {}
            )
            yield Measurement.of_examples(
                "embed",
                measure,
                examples,
                params=params,
                bounds=(0.0, float(steps) if path else 1.0),
                arrays=arrays,
            )

    return measured()


def fitted(
    split: Split, size: float, background: float | Sequence[float], key: str
) -> tuple[Embed, tuple[int, int]]:
    """Returns the embedding of objects of a relative size, and their room to move.

    Args:
      split: whose images have the canvas's size.
      size: of the object, as a fraction of the canvas.
      background: of the canvas.
      key: of the config, for the error.

    Returns:
      The perturbation, and the largest row and column of an object's corner.

    Raises:
      UserError: the object is empty, or as large as the canvas.
    """
    height, width, channels = split.images.shape[1:]
    rows, columns = round(size * height), round(size * width)
    if not (0 < rows < height and 0 < columns < width):
        raise UserError(
            f"{key}={size}: on a canvas of {height}×{width} the object has "
            f"{rows}×{columns} pixels; it takes a fraction between 0 and 1 that leaves "
            "room to move"
        )
    colour = (background,) if isinstance(background, int | float) else tuple(background)
    if len(colour) not in (1, channels):
        raise UserError(
            f"eval.….background={background}: takes a value, or one for each of the "
            f"{channels} channels"
        )
    return Embed(rows, columns, colour), (height - rows, width - columns)


def draw_places(seed: int, examples: int, room: tuple[int, int]) -> np.ndarray:
    """Draws (row, column) uniform on [0, room] per axis; (examples, 2) int32."""
    draws = np.random.default_rng(seed).random((examples, 2))
    return (draws * (np.array(room) + 1)).astype(np.int32)


def draw_paths(
    seed: int, examples: int, room: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Draws first places, and a unit step (dy, dx) along one axis for each example."""
    places = draw_places(seed, examples, room)
    axes = np.random.default_rng([seed, 1]).integers(0, 2, examples)
    step = np.where(2 * places <= room, 1, -1) * np.eye(2, dtype=np.int32)[axes]
    return places, step.astype(np.int32)
