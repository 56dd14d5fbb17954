"""The theoretical receptive field, position by position.

`research.evals.engine.receptive` gives its size, borders aside; this gives the rows and
columns of the image that each position of a map depends on: cut off at a border,
wrapped around it, or all of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool

from research.distributed.hosts import pad_rows
from research.evals.engine.modules import apply_exactly, in_inference
from research.evals.engine.receptive import FAR, depends_on_all
from research.models.network import Network, Stage
from research.types import Shape

Mask = Bool[np.ndarray, "positions pixels"]

TOLERANCE = 1e-5  # of a value: rounding leaves 1e-6, a change by FAR much more
CHUNK = 32  # rows that are changed in one call


def receptive_masks(network: Network, shape: Shape) -> Iterator[tuple[Mask, Mask]]:
    """Yields the receptive fields of the map after each stage, axis by axis.

    Position (i, j) depends on the pixels in the rows of `rows[i]` and the columns of
    `columns[j]`, and on no other. Dependence is transitive: the rows of the image that
    matter to a row of a map are those that matter to the rows of the map before it on
    which it depends.

    Args:
      network: a network of ours.
      shape: (H, W, C) of an image.

    Yields:
      rows: (h, H), for each row of the map the rows of the image.
      columns: (w, W), likewise.
    """
    network = in_inference(network)
    rows, columns = np.eye(shape[0], dtype=bool), np.eye(shape[1], dtype=bool)
    shapes = network.map_shapes(shape)
    for stage, at in zip(network.stages, shapes[:-1], strict=True):
        rows, columns = (
            dependence(stage, at, 0) @ rows,
            dependence(stage, at, 1) @ columns,
        )
        yield rows, columns


def dependence(stage: Stage, shape: Shape, axis: int) -> Mask:
    """Returns which rows of its input each row of a stage's output depends on.

    The rows of a random map are changed one at a time, far up and far down, as
    `windows` does, but at the map's own size and for every row. A sampler that chooses
    its phase by the whole map depends on all of it.

    Args:
      stage: in inference mode.
      shape: (H, W, C) of its input.
      axis: 0 for rows, 1 for columns.
    """
    random = np.random.default_rng(0)
    clean = random.normal(size=shape).astype(np.float32)
    far = (FAR * random.uniform(0.5, 1.5, size=shape)).astype(np.float32)
    found = []
    size = min(CHUNK, shape[axis])
    for start in range(0, shape[axis], size):
        places = np.arange(start, min(start + size, shape[axis]))
        images = np.repeat(clean[None], 1 + 2 * size, axis=0)
        for sign, first in ((1, 1), (-1, 1 + size)):
            for probe, place in enumerate(pad_rows(places, size), first):
                at = (probe, place) if axis == 0 else (probe, slice(None), place)
                images[at] = sign * far[at[1:]]
        y = apply_exactly(stage, images)
        change = np.abs(y[1:] - y[0]) > TOLERANCE * (1 + np.abs(y[0]))
        lines = change.any((2 - axis, 3)).reshape(2, size, -1).any(0)
        found.append(lines[: len(places)])
    depends = np.concatenate(found).T
    return np.ones_like(depends) if depends_on_all(stage) else depends
