"""Drawn faces whose parts are known: is a face with its parts jumbled still that face?

A face has two eyes, a nose and a mouth, each 7×7 pixels, in four slots on a 64×64
canvas. A person is a choice of styles; every style is shared by two persons, so that
no part alone says who it is, and any two of different kinds do. Jumbling permutes
part → slot **in the same renderer**: tiles, jitter, ink and noise are drawn before the
slots, so that a jumbled face holds exactly the tiles of the intact one. There is no
outline, and tiles stay at least 6 pixels apart: no 7×7 window sees two parts, and a bag
of such windows cannot tell intact from jumbled. The whole face moves by up to 25 × 39
pixels, more than from slot to slot, so that neither can the place of one part.

Two data sets: who it is, on intact faces (the label still holds on jumbled ones: see
`pairs`), and whether a face is intact (0) or jumbled (1), half of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt8

from research.data.images import png
from research.errors import UserError

SEED = 20180501
SIZES = {"train": 10_000, "validation": 2_000, "test": 2_000}
SHAPE = (64, 64, 1)
PERSONS = 8
TILE = 7  # pixels of a part
JITTER = 1  # pixels that a part strays in its slot
PITCH = 15  # rows from slot to slot
SLOTS = np.array([(0, 0), (0, 16), (PITCH, 8), (2 * PITCH, 8)])  # corners in a face
FACE = SLOTS.max(0) + TILE + 2 * JITTER  # height and width
NOISE = 0.05  # standard deviation, of ink 1
REACH = (TILE - 1) / 2  # pixels from the centre of a tile to its border
GRID = np.stack(np.meshgrid(*2 * [np.arange(TILE) - REACH], indexing="ij"), -1)

Image = UInt8[np.ndarray, "64 64 1"]
Tile = Float[np.ndarray, "7 7"]
Segments = Float[np.ndarray, "_ 4"]  # (y, x) to (y, x), the tile being [−1, 1]²
Point = tuple[float | int, float | int]
Order = tuple[int, ...]  # slot of each part


def line(*points: Point) -> Segments:
    """The segments that join (y, x) points one after the other."""
    joined = zip(points, points[1:], strict=False)
    return np.array([start + end for start, end in joined], np.float64)


def ring(radius: float) -> Segments:
    """An octagon."""
    angles = np.linspace(0, 2 * np.pi, 9)
    points = radius * np.stack([np.sin(angles), np.cos(angles)], -1)
    return line(*map(tuple, points.tolist()))


def both(*segments: Segments) -> Segments:
    """Several lines at once."""
    return np.concatenate(segments)


EYES = (
    ring(0.9),
    both(ring(0.4), line((0, 0), (0, 0))),
    line((0, -1), (0, 1)),
    both(line((-0.8, -0.8), (0.8, 0.8)), line((-0.8, 0.8), (0.8, -0.8))),
)
NOSES = (
    line((-1, 0), (1, 0)),
    line((0.8, -0.8), (-0.8, 0), (0.8, 0.8)),
    line((-1, -0.3), (0.9, -0.3), (0.9, 0.8)),
    both(line((0, -0.8), (0.3, -0.8)), line((0, 0.8), (0.3, 0.8))),
)
MOUTHS = (
    line((-0.6, -1), (0.5, -0.4), (0.5, 0.4), (-0.6, 1)),
    line((0.6, -1), (-0.5, -0.4), (-0.5, 0.4), (0.6, 1)),
    both(line((-0.5, -1), (-0.5, 1)), line((0.5, -1), (0.5, 1))),
    line((-0.7, -0.9), (0.1, -0.5), (-0.7, 0), (0.1, 0.5), (-0.7, 0.9)),
)
KINDS = (EYES, EYES, NOSES, MOUTHS)  # of the four parts
INTACT: Order = (0, 1, 2, 3)
# The eyes are alike: with only these exchanged a face is intact.
JUMBLED = [order for order in permutations(INTACT) if order[2:] != INTACT[2:]]


def styles(person: int) -> tuple[int, int, int, int]:
    """The style of each part of a person."""
    a, b = person % 4, person // 4
    return a, a, (a + b) % 4, (a + 2 * b) % 4


@dataclass(frozen=True)
class Face:
    """All that is random of a face, but where its parts are.

    Attributes:
      person: 0 … 7.
      tiles: of the four parts.
      corners: (y, x) of each tile within a slot.
      place: (y, x) of the face on the canvas.
      noise: of the canvas.
    """

    person: int
    tiles: list[Tile]
    corners: Int[np.ndarray, "4 2"]
    place: Int[np.ndarray, " 2"]
    noise: Float[np.ndarray, "64 64"]

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Face:
        """Draws a person, and size, ink and jitter of each part."""
        person = int(rng.integers(PERSONS))
        tiles = [
            tile(kind[style], size=rng.uniform(0.8, 1), ink=rng.uniform(0.6, 1))
            for kind, style in zip(KINDS, styles(person), strict=True)
        ]
        return cls(
            person,
            tiles,
            corners=rng.integers(0, 2 * JITTER + 1, (4, 2)),
            place=rng.integers(0, SHAPE[:2] - FACE + 1),
            noise=rng.normal(0, NOISE, SHAPE[:2]),
        )

    def boxes(self, order: Order) -> Int[np.ndarray, "4 4"]:
        """Returns (top, left, bottom, right) of each part, ends exclusive."""
        corners = self.place + SLOTS[list(order)] + self.corners
        return np.concatenate([corners, corners + TILE], axis=1)

    def render(self, order: Order) -> Image:
        """Returns the image with part i in slot order[i]."""
        canvas = self.noise.copy()
        for (top, left, bottom, right), drawn in zip(
            self.boxes(order), self.tiles, strict=True
        ):
            canvas[top:bottom, left:right] += drawn
        return np.rint(255 * canvas.clip(0, 1)).astype(np.uint8)[..., None]


def tile(segments: Segments, *, size: float | int, ink: float | int) -> Tile:
    """Draws lines about 1½ pixels wide, with smooth edges.

    Args:
      segments: of the part.
      size: 1 fills the tile.
      ink: of the lines, in [0, 1].
    """
    ends = size * REACH * segments.reshape(-1, 2, 1, 1, 2)
    start, along = ends[:, 0], ends[:, 1] - ends[:, 0]
    length = np.maximum((along**2).sum(-1), 1e-9)
    part = (((GRID - start) * along).sum(-1) / length).clip(0, 1)
    distance = np.linalg.norm(GRID - start - part[..., None] * along, axis=-1).min(0)
    return ink * (1.25 - distance).clip(0, 1)


def example(split: str, index: int) -> tuple[Face, Order]:
    """Returns a face, and a jumbled order for it; they depend on nothing else."""
    rng = np.random.default_rng([SEED, list(SIZES).index(split), index])
    face = Face.draw(rng)
    return face, JUMBLED[rng.integers(len(JUMBLED))]


def pairs(examples: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns test faces, the same ones jumbled, and who they are.

    Args:
      examples: at most 2,000.

    Returns:
      Two (examples, 64, 64, 1) uint8 arrays and (examples,) int32 labels.
    """
    if not 0 < examples <= SIZES["test"]:
        raise UserError(
            f"eval.part.examples={examples}: there are 1 to {SIZES['test']} test faces"
        )
    drawn = [example("test", index) for index in range(examples)]
    return (
        np.stack([face.render(INTACT) for face, _ in drawn]),
        np.stack([face.render(order) for face, order in drawn]),
        np.array([face.person for face, _ in drawn], np.int32),
    )


def label_who(index: int, face: Face, jumbled: Order) -> tuple[int, Order]:
    """The person; all faces are intact."""
    return face.person, INTACT


def label_jumbled(index: int, face: Face, jumbled: Order) -> tuple[int, Order]:
    """0 for intact, every even example, and 1 for jumbled."""
    return index % 2, jumbled if index % 2 else INTACT


def build(
    *,
    label: Callable[[int, Face, Order], tuple[int, Order]],
    name: str,
    version: str,
    shape: tuple[int, int, int],
    classes: int,
    data_dir: Path,
    manual_dir: Path | None,
) -> Any:
    """Returns the TFDS builder of the faces; no file is needed (`manual_dir`).

    Examples also have `person`, `order` (slot of each part) and `boxes` of the parts:
    left eye, right eye, nose, mouth.

    Raises:
      UserError: another shape is asked for.
    """
    import tensorflow_datasets as tfds  # imports for a second

    from research.data.records import image_builder

    if shape != SHAPE:
        raise UserError(f"data.shape={list(shape)}: faces are {list(SHAPE)}")

    def examples(split: str) -> Iterator[tuple[int, dict[str, Any]]]:
        for index in range(SIZES[split]):
            face, jumbled = example(split, index)
            answer, order = label(index, face, jumbled)
            yield (
                index,
                {
                    "image": png(face.render(order)),
                    "label": answer,
                    "person": face.person,
                    "order": np.array(order, np.int32),
                    "boxes": face.boxes(order).astype(np.int32),
                },
            )

    return image_builder(
        name=name,
        version=version,
        shape=shape,
        labels=classes,
        splits=lambda _: {split: examples(split) for split in SIZES},
        data_dir=data_dir,
        description=str(__doc__),
        homepage="",
        person=tfds.features.Scalar(np.int32),
        order=tfds.features.Tensor(shape=(4,), dtype=np.int32),
        boxes=tfds.features.Tensor(shape=(4, 4), dtype=np.int32),
    )


who = partial(build, label=label_who)
jumbled = partial(build, label=label_jumbled)
