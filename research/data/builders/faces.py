"""Drawn faces whose parts are known: is a face with its parts jumbled still that face?

A face has two eyes, a nose and a mouth, each 7×7 pixels, in four slots on a 64×64
canvas. A person is a choice of styles; every style is shared by two persons, so that
no part alone says who it is, and any two of different kinds do. Jumbling permutes
part → slot **in the same renderer**: tiles, jitter, ink and noise are drawn before the
slots, so that a jumbled face holds exactly the tiles of the intact one. There is no
outline, and tiles stay at least 6 pixels apart: no 7×7 window sees two parts, and a bag
of such windows cannot tell intact from jumbled. The whole face moves by up to 25 × 39
pixels, more than from slot to slot, so the place of a single part does not tell either.

Three data sets: who it is, on intact faces (the label still holds on jumbled ones: see
`pairs`); the same with label maps of the parts; and whether a face is intact (0) or
jumbled (1), half of each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import permutations

import numpy as np
from jaxtyping import Float, Int, UInt8

from research.data.generated import Generated, Numbered
from research.data.origin import Spec
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
Mask = UInt8[np.ndarray, "64 64"]
Tile = Float[np.ndarray, "7 7"]
Segments = Float[np.ndarray, "_ 4"]  # (y, x) to (y, x), the tile being [−1, 1]²
Point = tuple[float | int, float | int]
Order = tuple[int, ...]  # slot of each part
Label = Callable[[int, "Face", Order], tuple[int, Order]]


def line(*points: Point) -> Segments:
    """Returns the segments from each (y, x) point to the next."""
    joined = zip(points, points[1:], strict=False)
    return np.array([start + end for start, end in joined], np.float64)


def ring(radius: float) -> Segments:
    """Returns an octagon."""
    angles = np.linspace(0, 2 * np.pi, 9)
    points = radius * np.stack([np.sin(angles), np.cos(angles)], -1)
    return line(*map(tuple, points.tolist()))


def join(*segments: Segments) -> Segments:
    """Returns the lines of several drawings as one."""
    return np.concatenate(segments)


EYES = (
    ring(0.9),
    join(ring(0.4), line((0, 0), (0, 0))),
    line((0, -1), (0, 1)),
    join(line((-0.8, -0.8), (0.8, 0.8)), line((-0.8, 0.8), (0.8, -0.8))),
)
NOSES = (
    line((-1, 0), (1, 0)),
    line((0.8, -0.8), (-0.8, 0), (0.8, 0.8)),
    line((-1, -0.3), (0.9, -0.3), (0.9, 0.8)),
    join(line((0, -0.8), (0.3, -0.8)), line((0, 0.8), (0.3, 0.8))),
)
MOUTHS = (
    line((-0.6, -1), (0.5, -0.4), (0.5, 0.4), (-0.6, 1)),
    line((0.6, -1), (-0.5, -0.4), (-0.5, 0.4), (0.6, 1)),
    join(line((-0.5, -1), (-0.5, 1)), line((0.5, -1), (0.5, 1))),
    line((-0.7, -0.9), (0.1, -0.5), (-0.7, 0), (0.1, 0.5), (-0.7, 0.9)),
)
KINDS = (EYES, EYES, NOSES, MOUTHS)  # of the four parts
INTACT: Order = (0, 1, 2, 3)
# The eyes are alike: with only these exchanged a face is intact.
JUMBLED = [order for order in permutations(INTACT) if order[2:] != INTACT[2:]]


def styles(person: int) -> tuple[int, int, int, int]:
    """Returns the style of each part of a person."""
    a, b = person % 4, person // 4
    return a, a, (a + b) % 4, (a + 2 * b) % 4


@dataclass(frozen=True)
class Face:
    """Everything random about a face except where its parts are.

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

    def mask(self, order: Order) -> Mask:
        """Returns the part that each pixel belongs to, from 1; 0 around them."""
        found = np.zeros(SHAPE[:2], np.uint8)
        for part, (top, left, bottom, right) in enumerate(self.boxes(order), 1):
            found[top:bottom, left:right] = part
        return found

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


def draw_example(split: str, number: int) -> tuple[Face, Order]:
    """Returns a face, and a jumbled order for it; they depend on nothing else."""
    rng = np.random.default_rng([SEED, list(SIZES).index(split), number])
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
    drawn = [draw_example("test", number) for number in range(examples)]
    return (
        np.stack([face.render(INTACT) for face, _ in drawn]),
        np.stack([face.render(order) for face, order in drawn]),
        np.array([face.person for face, _ in drawn], np.int32),
    )


def label_who(number: int, face: Face, jumbled: Order) -> tuple[int, Order]:
    """Returns the person; all faces are intact."""
    del number, jumbled
    return face.person, INTACT


def label_jumbled(number: int, face: Face, jumbled: Order) -> tuple[int, Order]:
    """Returns 0 for intact, every even example, and 1 for jumbled."""
    del face
    return number % 2, jumbled if number % 2 else INTACT


def build(
    spec: Spec,
    *,
    label: Label,
    classes: int,
    overrides: str,
    mask_classes: int | None = None,
) -> Generated:
    """Returns the faces under one kind of label; no file is needed.

    Args:
      spec: names the data set.
      label: `label(number, face, jumbled)` returns the label, and the order to draw.
      classes: how many labels there are.
      overrides: what selects the data set on the command line.
      mask_classes: of the label maps; None for none.

    Raises:
      UserError: another shape or number of classes is asked for.
    """
    spec.require(shape=SHAPE, classes=classes, mask_classes=mask_classes)
    draw = partial(draw_split, label=label, masks=mask_classes is not None)
    return Generated(spec, overrides, SIZES, draw)


def draw_split(split: str, *, label: Label, masks: bool = False) -> Numbered:
    """Yields the faces of a split.

    Besides `image` and `label` there are `person`; `order`, the slot of each part; and
    `box`, (top, left, bottom, right) of each part: left eye, right eye, nose, mouth;
    and, if asked for, `mask`, in which these are 1 to 4.
    """
    for number in range(SIZES[split]):
        face, jumbled = draw_example(split, number)
        answer, order = label(number, face, jumbled)
        example = {
            "image": face.render(order),
            "label": np.int32(answer),
            "person": np.int32(face.person),
            "order": np.array(order, np.int32),
            "box": face.boxes(order).astype(np.int32),
        }
        yield number, example | ({"mask": face.mask(order)} if masks else {})


who = partial(build, label=label_who, classes=PERSONS, overrides="data=faces")
parts = partial(
    build,
    label=label_who,
    classes=PERSONS,
    mask_classes=1 + len(KINDS),
    overrides="data=faces_parts",
)
jumbled = partial(build, label=label_jumbled, classes=2, overrides="data=faces_jumbled")
