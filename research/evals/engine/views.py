"""Pairs of views of an image under small shifts: the published protocols."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Any

import jax
import numpy as np

from research.evals.engine.predictor import Perturb
from research.transforms.shifts import Crop, Draws, circular, draw_offsets, zero


@dataclass(frozen=True)
class View:
    """One view of every image.

    Attributes:
      perturb: makes the view from an image and an offset.
      offsets: an argument of `perturb` for each example.
      shifts: (dy, dx) by which each image's content moves, pixels.
    """

    perturb: Perturb
    offsets: Draws
    shifts: Draws


@dataclass(frozen=True)
class Views:
    """Two views of every image, to be compared.

    Attributes:
      protocol: names the rows.
      params: of the protocol.
      first: one view.
      second: the other; None for the unshifted image.
      method: what the rows say of it.
    """

    protocol: str
    params: Mapping[str, Any]
    first: View
    second: View | None = None
    _: KW_ONLY
    method: str = ""


# Rows of crops say so: views of a larger canvas are `eval=window`.
ZEROS = "zeros come in: the image is padded before it is cropped"
Draw = Callable[[int, int], Draws]  # draw(low, high): new offsets at every call
Size = tuple[int, int]  # (height, width) of an image


def make_draw(seed: int, count: int, share: int = 1, size: Size | None = None) -> Draw:
    """Returns a function that draws an offset for every `share` examples in a row.

    Along an axis of one pixel, where there is nothing to shift, an offset is the middle
    of its range.

    Args:
      seed: of the draws.
      count: number of examples.
      share: how many have the same offset.
      size: of an image; None: both axes have a length.
    """
    keys = map(partial(jax.random.fold_in, jax.random.key(seed)), itertools.count())

    def draw(low: int, high: int) -> Draws:
        offsets = draw_offsets(next(keys), -(-count // share), low, high)
        flat = np.array(size or (0, 0)) == 1
        offsets = np.where(flat, -(-(low + high) // 2), offsets)
        return np.repeat(offsets, share, 0)[:count]

    return draw


def protocols(size: Size, draw: Draw, max_shift: int, pad: int) -> Iterator[Views]:
    """Yields the pairs of views that every example draws on its own."""
    m, params = max_shift, {"max_shift": max_shift}
    yield Views("circular", params, *(roll(draw(-m, m)) for _ in range(2)))
    default = pad == 2 * m + 1
    yield crop_twice("crop", params if default else {"pad": pad}, size, draw, pad)
    offsets = draw(-m, m)
    yield Views("zero", params, View(zero, offsets, offsets))


def roll(offsets: Draws) -> View:
    """Returns images after a circular shift."""
    return View(circular, offsets, offsets)


def crop_twice(
    protocol: str, params: Mapping[str, Any], size: Size, draw: Draw, pad: int
) -> Views:
    """Returns two crops of each image, at offsets uniform on [0, r)²."""
    perturb, middle = Crop(*size, pad=pad), pad // 2
    draws = [draw(0, pad - 1) for _ in range(2)]
    views = (View(perturb, one, middle - one) for one in draws)
    return Views(protocol, params, *views, method=ZEROS)


def aps_cifar(size: Size, draw: Draw, max_shift: int, pad: int) -> Views:
    """A circular shift on [−m, m)², one for a batch, against the unshifted image."""
    del size, pad
    m = max_shift
    return Views("aps_cifar", {"max_shift": m}, roll(draw(-m, m - 1)))


def aps_imagenet(size: Size, draw: Draw, max_shift: int, pad: int) -> Views:
    """Two circular shifts on [−m, m)², each one for a batch."""
    del size, pad
    m = max_shift
    views = (roll(draw(-m, m - 1)) for _ in range(2))
    return Views("aps_imagenet", {"max_shift": m}, *views)


def zhang(size: Size, draw: Draw, max_shift: int, pad: int) -> Views:
    """Two crops at offsets on [0, r)², each one for a batch."""
    del max_shift
    return crop_twice("zhang", {"pad": pad}, size, draw, pad)


PUBLISHED = {"aps_cifar": aps_cifar, "aps_imagenet": aps_imagenet, "zhang": zhang}
