"""The arrays of the page's explorers: images at every shift, and receptive fields.

Everything is kept as bytes, so that a page can hold many networks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import numpy as np
from jaxtyping import Float, Int, UInt8

from research.data.split import Split
from research.distributed import devices
from research.errors import UserError
from research.evals.engine.dense import require_one_answer
from research.evals.engine.dependence import receptive_masks
from research.evals.engine.inside import Inside
from research.evals.engine.orbits import BRUTE, Method, choose_method
from research.evals.engine.predictor import Predictor, Stored, prepare
from research.evals.engine.receptive import describe_field, receptive_fields
from research.evals.engine.ties import margins
from research.evals.engine.verify import verify
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.evals.receptive import effective_field, size
from research.models.network import Network
from research.tasks import metrics
from research.tasks.metrics import Classes, Scores
from research.transforms.shifts import draw_offsets
from research.types import Count

Bytes = UInt8[np.ndarray, "..."]  # 0…255


@dataclass(frozen=True)
class Explorer(Evaluator):
    """Yields what a reader can explore, as values with large arrays beside them.

    `agreement` of the shown images over all circular shifts, and beside it the `images`
    and their `labels`, the `predictions` over one period of shifts (N, P, Q), and the
    `probabilities` (N, P, Q, k), in 255ths, of the k `classes` (N, k) that are most
    probable over each image's shifts.

    Of a network of ours, for the map after each stage, of a level that goes down and up
    again the last: `receptive_height` and `receptive_width` as `eval=cost` states them,
    and `size`, the effective size of the middle unit as of `eval=receptive`. Beside it:
    the cumulative `stride` (height, width); the `rows` (h, H) and `columns` (w, W) of
    the image on which each position depends; and, for a coarse grid of positions `ys` ×
    `xs`, the effective `fields` (Y, X, H, W), as √(|∂ unit / ∂ pixel| of its peak) in
    255ths, and their `sizes` in pixels.

    Attributes:
      images: how many are shown, at most: the first of each class.
      classes: k, how many probabilities are kept.
      grid: positions of each map along each axis whose effective field is measured.
      examples: images that the effective fields are averaged over, from the first.
      memory: MiB of maps on each device, of the orbit's closed form; see `ClosedForm`.
      batch: images a call, of its brute force.
    """

    name: ClassVar[str] = "explorer"
    images: Count = 8
    classes: Count = 10
    grid: Count = 5
    examples: Count = 32
    memory: Count | None = None
    batch: Count = 512

    def check(self, predict: Callable[..., Any], split: Split) -> None:
        """Refuses answers at every pixel, and examples without labels.

        By these the shown images are chosen.
        """
        require_one_answer(predict, split, self.name)
        self.require_labels(split)

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the measurements: of the orbits, then of each stage."""
        predictor = Predictor.of(predict, batch=self.batch)
        chosen = first_of_classes(split.labels, self.images)
        shown, labels = split.images[chosen], split.labels[chosen]
        method = choose_method(predictor, shown, memory=self.memory)
        logits = method.answers(shown)
        if not isinstance(logits, np.ndarray) or logits.ndim != 4:
            raise UserError(
                "eval=explorer shows the probabilities of classes, and the network "
                "returns no logits: leave explorer out of eval"
            )
        check_orbits(logits, predictor, shown, method)
        tops = metrics.predictions(logits)
        kept, probabilities = likeliest_classes(logits, self.classes)
        yield Measurement.of_examples(
            "explorer",
            "agreement",
            (tops == tops[:, :1, :1]).mean((1, 2)),
            method=method.name,
            arrays={
                "images": shown,
                "labels": labels,
                "predictions": tops.astype(np.uint16),
                "classes": kept.astype(np.uint16),
                "probabilities": to_bytes(probabilities),
            },
        )
        if isinstance(predict, Network):
            images = split.first(self.examples).images
            yield from explore_stages(predict, images, self.grid)


def check_orbits(
    logits: Float[np.ndarray, "examples rows columns classes"],
    predictor: Predictor,
    images: Stored,
    method: Method,
) -> None:
    """Compares the closed form with the network at one random shift of each image.

    Raises:
      UserError: it errs by more than rounding explains.
    """
    if method.name == BRUTE or method.probe is None:
        return
    height, width = images.shape[1:3]
    at = draw_offsets(jax.random.key(0), len(images), 0, (height - 1, width - 1))
    dy, dx = (at % logits.shape[1:3]).T
    verify(
        logits[np.arange(len(images)), dy, dx],
        predictor,
        images,
        at,
        margin=margins(predictor.predict, images, batch=predictor.batch),
        tolerance=method.probe.tolerance,
    )


def first_of_classes(labels: Classes, most: int) -> Int[np.ndarray, " chosen"]:
    """Returns the place of the first example of each class, in order of the classes."""
    _, places = np.unique(labels, return_index=True)
    return places[:most]


def likeliest_classes(
    logits: Scores, most: int
) -> tuple[
    Int[np.ndarray, "examples kept"], Float[np.ndarray, "examples rows columns kept"]
]:
    """Returns the classes of each image with the largest mean probability, and these.

    Args:
      logits: (N, P, Q, K).
      most: how many classes to keep.

    Returns:
      (N, k) classes in their order, and (N, P, Q, k) probabilities.
    """
    probabilities = np.exp(metrics.log_probabilities(logits))
    order = np.argsort(-probabilities.mean((1, 2)), axis=-1, kind="stable")
    kept = np.sort(order[:, :most], axis=-1)
    return kept, np.take_along_axis(probabilities, kept[:, None, None], -1)


def explore_stages(
    network: Network, images: Stored, grid: int
) -> Iterator[Measurement]:
    """Yields the receptive fields after each stage; see `Explorer`."""
    shape = images.shape[1:]
    inside = Inside(network, name="explorer", batch=len(images))
    maps = inside.features(prepare(None, devices.shard(images, inside.mesh)))
    theory = receptive_fields(inside.network, shape)
    masks = receptive_masks(inside.network, shape)
    for index, (rows, columns) in zip(inside.ends, masks, strict=True):
        params = {"index": index, "part": inside.parts[index]}
        yield from describe_field("explorer", theory[index], shape, params)
        ys, xs = (
            choose_positions(len(positions), grid) for positions in (rows, columns)
        )
        fields = np.array(
            [
                [effective_field(inside, maps, index, (int(y), int(x))) for x in xs]
                for y in ys
            ]
        )
        peaks = np.maximum(fields.max((2, 3), keepdims=True), np.finfo("f4").tiny)
        sizes = np.array([[size(one) for one in line] for line in fields])
        yield Measurement(
            "explorer",
            "size",
            float(sizes[len(ys) // 2, len(xs) // 2]),
            len(images),
            params=params,
            arrays={
                "stride": np.array(inside.strides[index]),
                "rows": rows,
                "columns": columns,
                "ys": ys,
                "xs": xs,
                "fields": to_bytes(np.sqrt(fields / peaks)),
                "sizes": sizes.astype(np.float32),
            },
        )


def choose_positions(length: int, most: int) -> Int[np.ndarray, " chosen"]:
    """Returns up to `most` positions at equal distances, the middle one ⌊length/2⌋."""
    count = min(length, most)
    if count == 1:
        return np.array([length // 2])
    return np.floor(np.linspace(0, length - 1, count) + 0.5).astype(int)


def to_bytes(proportions: np.ndarray) -> Bytes:
    """Rounds numbers in [0, 1] to 255ths."""
    return np.rint(255 * proportions).astype(np.uint8)
