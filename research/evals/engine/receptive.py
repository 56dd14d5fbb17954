"""The theoretical receptive field: its size at each map, measured by windows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from flax import nnx

from research.downsample.sample import Scored
from research.errors import UserError
from research.evals.engine.modules import apply_exactly
from research.evals.measurement import Measurement
from research.models.level import Level
from research.models.network import Network, Stage, output_shape
from research.types import Shape, Stride

PROBES = (16, 32)  # sides of the maps on which a window is measured
FAR = 1e3  # what no value of a map reaches: not infinite, for 0 · inf is not 0

Extent = tuple[int | None, int | None]  # rows and columns; None: all of the map


def receptive_fields(network: Network, shape: Shape) -> list[Extent]:
    """Returns the theoretical receptive field at each place, in pixels.

    r ← r + (k − 1)·j, j ← j·s over the stages' windows k and strides s; borders aside,
    so it can exceed the image. None: the whole map, for a global filter, attention, or
    a sampler that chooses its grid by all of it. Where a level goes up again and its
    results depend on where in a cell they are, it is the largest.

    Args:
      network: in inference mode.
      shape: (H, W, C) of an image.
    """
    fields: list[Extent] = []
    size: Extent = (1, 1)
    jump = (1, 1)
    shapes = network.map_shapes(shape)
    for stage, at in zip(network.stages, shapes[:-1], strict=True):
        for windows in part_windows(stage, at):
            for window, (rows, columns) in windows:
                step = (rows * jump[0], columns * jump[1])
                size = (
                    grow(size[0], window[0], step[0]),
                    grow(size[1], window[1], step[1]),
                )
            fields.append(size)
        jump = (jump[0] * stage.stride[0], jump[1] * stage.stride[1])
    return fields


def grow(size: int | None, window: int | None, jump: int) -> int | None:
    """Returns r + (k − 1)·j, and None where either is the whole map."""
    return None if size is None or window is None else size + (window - 1) * jump


def describe_field(
    protocol: str, field: Extent, shape: Shape, params: Mapping[str, Any]
) -> Iterator[Measurement]:
    """Yields `receptive_height` and `receptive_width` of one stage.

    Args:
      protocol: of the rows.
      field: as `receptive_fields` returns it.
      shape: (H, W, C) of an image, which stands in where the field is all of the map.
      params: of the rows.
    """
    for axis, measure in enumerate(("receptive_height", "receptive_width")):
        pixels = field[axis]
        yield Measurement(
            protocol,
            measure,
            shape[axis] if pixels is None else pixels,
            1,
            params=params,
            method="whole map" if pixels is None else "r + (k − 1)·j",
        )


def part_windows(stage: Stage, shape: Shape) -> Iterator[list[tuple[Extent, Stride]]]:
    """Yields the windows of each map that a stage makes.

    Args:
      stage: in inference mode.
      shape: (H, W, C) of its input.

    Yields:
      for each of the `stage_parts` the windows that lead to its map from the one
      before, each with the stride, within the stage, of what it is a window of.
    """
    if not isinstance(stage, Level):
        yield [(stage_windows(stage, shape), (1, 1))]
        return
    stride, at = stage.down.stride, output_shape(stage.down, shape)
    yield [(stage_windows(stage.down, shape), (1, 1))]
    for inner in stage.stages:
        for windows in part_windows(inner, at):
            yield [(k, (stride[0] * r, stride[1] * c)) for k, (r, c) in windows]
        at = output_shape(inner, at)
    fine = (shape[0], shape[1], at[2])
    yield [
        (stage.up.support, stride),
        (stage_windows(stage.up.lowpass, fine), (1, 1)),
    ]


def stage_windows(stage: Stage, shape: Shape) -> Extent:
    """Measures how many rows and columns of a map one result of a stage depends on.

    Rows, then columns, of a random map are changed one at a time, far up and far down,
    so that a maximum and a rectifier show it too: what changes the result in the middle
    lies in its window. A 16×16 map does for most stages; where the window is all of it,
    the borders of a 32×32 map tell a large one from a global one. A stage that takes
    maps of one size only is measured on that.

    Args:
      stage: in inference mode.
      shape: (H, W, C) of its input.

    Returns:
      k for each axis, from the first row that matters to the last; None for all of the
      map.
    """
    if depends_on_all(stage):
        return None, None
    small, large = ((side, side, shape[2]) for side in PROBES)
    if not accepts(stage, small) or not accepts(stage, large):
        return spans(stage, shape, range(shape[0]), range(shape[1]))
    found = spans(stage, small, range(PROBES[0]), range(PROBES[0]))
    if None in found:
        borders = (0, PROBES[1] - 1)
        if None not in spans(stage, large, borders, borders):
            found = spans(stage, large, range(PROBES[1]), range(PROBES[1]))
    return found


def depends_on_all(stage: Stage) -> bool:
    """Whether a stage chooses a phase by its score, which is of the whole map.

    A change of one value may leave the choice as it is, so probes would miss it.
    """
    parts = [part for _, part in nnx.iter_graph(stage)]
    return any(isinstance(part, Scored) and not part.fixed for part in parts)


def accepts(stage: Stage, shape: Shape) -> bool:
    """Whether a map of this shape passes through a stage."""
    try:
        output_shape(stage, shape)
    except UserError:
        return False
    return True


def spans(
    stage: Stage, shape: Shape, rows: Sequence[int], columns: Sequence[int]
) -> Extent:
    """Returns the extent of the rows, and columns, that the middle result depends on.

    Args:
      stage: in inference mode.
      shape: of the map that is probed.
      rows: which to change, in order.
      columns: likewise.

    Returns:
      From the first position that matters to the last; None if these are the first and
      the last of those changed.
    """
    random = np.random.default_rng(0)
    clean = random.normal(size=shape)
    far = FAR * random.uniform(0.5, 1.5, size=shape)
    count = len(rows) + len(columns)
    images = np.repeat(clean[None], 1 + 2 * count, axis=0).astype(np.float32)
    for sign, first in ((1, 1), (-1, 1 + count)):
        for probe, row in enumerate(rows, first):
            images[probe, row] = sign * far[row]
        for probe, column in enumerate(columns, first + len(rows)):
            images[probe, :, column] = sign * far[:, column]
    y = apply_exactly(stage, images)
    middle = y[:, y.shape[1] // 2, y.shape[2] // 2]
    matter = np.any(middle[1:] != middle[0], axis=-1).reshape(2, count).any(0)
    return extent(rows, matter[: len(rows)]), extent(columns, matter[len(rows) :])


def extent(places: Sequence[int], matter: np.ndarray) -> int | None:
    """Returns the length from the first place that matters to the last.

    None if these are the ends; 0 if none matters.
    """
    if len(places) > 1 and matter[0] and matter[-1]:
        return None
    kept = np.asarray(places)[matter]
    return int(kept[-1] - kept[0] + 1) if kept.size else 0
