"""Where in a cell an object lies: its place modulo a step, read out of one map."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
from jaxtyping import Bool, Int, UInt8

from research.data.builders.scenes import (
    EXTENT,
    REACH,
    SIZES,
    WINDOW,
    Ink,
    cut_ink,
    draw,
)
from research.data.split import Split
from research.errors import UserError
from research.evals.engine.inside import Inside, require_network
from research.evals.engine.places import find_places, place_shapes
from research.evals.engine.probe import (
    Budget,
    Classes,
    ask_probe,
    fit_probe,
    standardize,
    to_cells,
)
from research.evals.engine.untrained import reinitialize
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.models.network import Network
from research.types import (
    Count,
    Images,
    Length,
    Map,
    Natural,
    Positive,
    Range,
    Seed,
    Stride,
)

VIEWS = 2 * REACH + 1  # windows along an axis that hold the whole object
SLIMMEST = 0.4  # shorter side of an object to its longer one
Modulus = Annotated[
    Sequence[Annotated[int, Range(2, VIEWS)]], Length(2, 2, "height, width")
]


class Scenes(NamedTuple):
    """Images of objects, and the class of the place of each."""

    images: UInt8[np.ndarray, "examples height width channels"]
    classes: Classes


@dataclass(frozen=True)
class Offset(Evaluator):
    """Probes a map for the place of an object modulo the network's stride.

    A map of stride 4 has a value for every 4th pixel. Whether an object lies at row
    12 or 13 of the image can then be read only from *what* the values are, no longer
    from where they are. The class is (y mod s_y, x mod s_x); (y, x) is the top
    left corner of the object's box, an integer. s is the same for every network, with
    downsampling or without, so that all answer the same question, by chance
    1/(s_y·s_x) right.

    The images are new scenes (`research.data.builders.scenes`): crops of the
    photographs, a drawn colour and place, under a window that is uniform over the
    classes. Only the objects are few: silhouettes of the split, cut from their masks,
    of one size and no bare strokes. With a new handwritten digit in every scene, a row
    of faint ink more or less moves the corner by a pixel, and no probe that was tried
    finds the class in the pixels of more than three scenes in four. The probe is
    trained over the parts of the photographs that training images come from, on crops
    that none of them has, and tested over those of the test images.

    The probe is small and convolutional (`research.evals.engine.probe`). Convolutions
    with a global mean or maximum answer the same wherever an object lies, so they could
    read an offset from no map of stride 1, and from a map of stride s only by the
    values there. Here the places within a cell of s pixels become channels first: all
    maps and the pixels then have the same grid of cells, nothing of them is lost, and
    there can be a filter for each offset. Behind the first layer the probes of all maps
    are equal. Two 3×3 convolutions see 5×5 cells, 20 pixels for s = 4, which is as
    large as an object.

    Yields `accuracy` on the test scenes, with `of` (`map` or `pixels`, the control),
    `index` and `part` of the map (−1 for pixels) and `weights` (`trained`, `untrained`
    for the network with its parameters drawn anew, `none` for the pixels).

    Attributes:
      modulus: s, pixels, [height, width]; a multiple of the map's stride.
      index: of the map; None: the last before the readout.
      objects: how many silhouettes there are.
      size: of their longer side, pixels.
      images: scenes to train the probe on.
      examples: scenes to test it on.
      width: channels of the probe.
      steps: of its training.
      minibatch: examples a step.
      learning_rate: of its first step.
      seed: of the objects, windows, probes and the untrained network.
      batch: examples a call.
    """

    name: ClassVar[str] = "offset"
    modulus: Modulus = (4, 4)
    index: Natural | None = None
    objects: Count = 1
    size: Annotated[int, Range(*EXTENT)] = 17
    images: Count = 2000
    examples: Count = 1000
    width: Count = 32
    steps: Count = 400
    minibatch: Count = 128
    learning_rate: Positive = 0.006
    seed: Seed = 0
    batch: Count = 128

    def check(self, predict: Callable[..., Any], split: Split) -> None:
        """Refuses other classifiers, other data, and a modulus that does not fit."""
        network = require_network(predict, self.name)
        shape = split.images.shape[1:]
        if "canvas_mask" not in split.arrays or shape[:2] != (WINDOW, WINDOW):
            raise UserError(
                "eval=offset needs objects whose place is known, and the data have "
                f"{', '.join(split.arrays)}: choose data=scenes, or leave offset out "
                "of eval"
            )
        if self.objects > (most := len(find_broad(split))):
            raise self.refusal("objects", self.objects, f"at most {most} of these data")
        places = find_places(network)
        if self.index is not None and self.index >= len(places):
            raise self.refusal(
                "index", self.index, f"0 to {len(places) - 1}, the maps of the network"
            )
        at = self.place(network)
        size, stride = place_shapes(network, shape)[1:][at], places[at].stride
        taken = f"multiples of the stride of map {at}, {list(stride)}"
        if any(s % j for s, j in zip(self.modulus, stride, strict=True)):
            raise self.refusal("modulus", self.modulus, taken)
        block = self.block(stride)
        if size[0] < block[0] or size[1] < block[1]:
            shown = f"{taken}, of {size[0]}×{size[1]} values"
            raise self.refusal("modulus", self.modulus, f"at most one cell: {shown}")

    def place(self, network: Network) -> int:
        """Returns the index of the map."""
        return len(find_places(network)) - 1 if self.index is None else self.index

    def block(self, stride: Stride) -> Stride:
        """Returns how many positions of a map of some stride a cell has."""
        return self.modulus[0] // stride[0], self.modulus[1] // stride[1]

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the measurements: of the pixels, the map, and the untrained map."""
        trained = Inside(predict, name=self.name, batch=self.batch)
        fresh = reinitialize(trained.network, self.seed)
        control = Inside(fresh, name=self.name, batch=self.batch)
        at = self.place(trained.network)
        inks = choose_inks(split, self.objects, self.seed)
        channels = split.images.shape[3]
        scenes = [
            draw_scenes(part, count, inks, self.size, channels, self.modulus, self.seed)
            for part, count in (("train", self.images), ("test", self.examples))
        ]
        for of, weights, inside, index in (
            ("pixels", "none", trained, -1),
            ("map", "trained", trained, at),
            ("map", "untrained", control, at),
        ):
            pixels = index < 0
            params = {
                "of": of,
                "index": index,
                "part": "pixels" if pixels else inside.parts[index],
                "weights": weights,
                "modulus": list(self.modulus),
            }
            block = self.block((1, 1) if pixels else inside.strides[index])
            hits, answers = self.probe(inside, index, block, scenes)
            yield Measurement.of_examples(
                "offset", "accuracy", hits, params=params, arrays={"answers": answers}
            )

    def probe(
        self, inside: Inside, index: int, block: Stride, scenes: Sequence[Scenes]
    ) -> tuple[Bool[np.ndarray, " examples"], UInt8[np.ndarray, " examples"]]:
        """Returns whether each test scene's class is found, and what is answered.

        Args:
          inside: the network.
          index: of the map; −1: the pixels.
          block: positions of that map in a cell.
          scenes: to train on, and to test on.
        """

        def read(images: Images) -> Map:
            return inside.features(images)[index + 1]

        train, test = (to_cells(inside.map(read, one.images), block) for one in scenes)
        standardize(train, test)
        budget = Budget(self.width, self.steps, self.minibatch, self.learning_rate)
        classes = self.modulus[0] * self.modulus[1]
        probe = fit_probe(train, scenes[0].classes, classes, budget, self.seed)
        answers = ask_probe(probe, test, self.batch)
        return answers == scenes[1].classes, answers.astype(np.uint8)


def choose_inks(split: Split, count: int, seed: int) -> list[Ink]:
    """Returns silhouettes of as many objects of a split, cut out of their masks."""
    broad = find_broad(split)
    chosen = np.random.default_rng([seed, 0]).choice(broad, count, replace=False)
    return [cut_ink(split["canvas_mask"][one][..., None]) for one in chosen]


def find_broad(split: Split) -> Int[np.ndarray, " found"]:
    """Returns which objects of a split are no bare strokes.

    Only its two ends show where a stroke lies along itself.
    """
    masks = split["canvas_mask"]
    sides = np.stack([masks.any(axis).sum(1) for axis in (1, 2)])
    return np.flatnonzero(sides.min(0) > SLIMMEST * sides.max(0))


def draw_scenes(
    part: str,
    count: int,
    inks: Sequence[Ink],
    size: int,
    channels: int,
    modulus: Sequence[int],
    seed: int,
) -> Scenes:
    """Draws scenes of some objects, which take turns.

    Args:
      part: of the photographs, `train` or `test`. The test scenes are those of the data
        set with other objects; those to train on come after all of its own.
      count: how many.
      inks: of the objects.
      size: of their longer side, pixels.
      channels: 1 for grey, or 3.
      modulus: of the classes; windows are uniform over them.
      seed: of the windows.
    """
    start = SIZES[part] if part == "train" else 0
    extent = (size, size)
    drawn = [draw(part, start + i, inks[i % len(inks)], extent) for i in range(count)]
    whole = np.array(modulus) * (VIEWS // np.array(modulus))
    rng = np.random.default_rng([seed, 1, start])
    corners = rng.integers(-REACH, whole - REACH, (count, 2))
    corners += [scene.corner for scene in drawn]
    places = np.array([scene.box[:2] for scene in drawn]) - corners
    rows, columns = (places % modulus).T
    images = [
        scene.describe(channels)["canvas"][y : y + WINDOW, x : x + WINDOW]
        for scene, (y, x) in zip(drawn, corners, strict=True)
    ]
    return Scenes(np.stack(images), (rows * modulus[1] + columns).astype(np.int32))
