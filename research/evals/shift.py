"""What a shift of a few pixels does: the published protocols, and by distance."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import numpy as np

from research.data.split import Split
from research.errors import UserError
from research.evals.engine.predictor import Perturb, Predictor, Stored
from research.evals.measurement import Measurement
from research.tasks.metrics import (
    Classes,
    Scores,
    agreement,
    correct,
    mac,
    predictions,
    relative_logit_distance,
)
from research.transforms.shifts import (
    Crop,
    Draws,
    circular,
    draw_offsets,
    draw_ring,
    zero,
)


def evaluate(
    predict: Callable[..., Any],
    split: Split,
    *,
    max_shift: int = 3,
    pad: int | None = None,
    distances: int = 6,
    compat: str | None = None,
    examples: int | None = None,
    seed: int = 0,
    batch: int = 512,
) -> Iterator[Measurement]:
    """Yields what small shifts change, each example shifted on its own.

    Protocols: `circular`, two independent circular shifts; `crop`, two independent
    crops of an image that zeros enlarge; `zero`, a translation filled with zeros
    against the unshifted image. Measures: `agreement` of the two top-1 classes; and of
    the first view its `accuracy`, and `mac` and `relative_logit_distance` to the
    unshifted image. The predictions and offsets of both views are kept.

    Then `agreement` against distance: `circular` and `zero` with a parameter `distance`
    compare an image whose offset has this ∞-norm with the unshifted one. Distances
    beyond half the image are left out: from there a circular shift comes back.

    Args:
      predict: any `images → logits`.
      split: (N, H, W, C) images and their labels.
      max_shift: m: offsets are uniform on [−m, m]², both ends inclusive; 3 on CIFAR, 32
        on ImageNet.
      pad: r of the crop protocol: offsets are uniform on [0, r)². None: 2m + 1, which
        makes the crops all translations within ±m.
      distances: largest distance d, pixels.
      compat: adds the loop of a publication, the rows under its name (see `PUBLISHED`):
        `aps_cifar`, `aps_imagenet` or `zhang`. They have no interval: one offset serves
        a whole batch, and few batches are no sample of offsets.
      examples: how many of the split, from the first; None: all.
      seed: of the offsets: they are the same for every classifier.
      batch: examples a call; under `compat` also how many share an offset.

    Raises:
      UserError: shifts that are none or as large as the image, an unknown `compat`.

    References:
      R. Zhang, ICML 2019, arXiv:1904.11486 (crop); A. Chaman and I. Dokmanić, CVPR
      2021, arXiv:2011.14214 (circular).
    """
    split = split.first(examples, "eval.shift.examples")
    images, labels = split.images, split.labels
    check(images, max_shift, pad, compat)
    cut = 2 * max_shift + 1 if pad is None else pad
    predictor = Predictor.of(predict, batch=batch)
    count = len(images)

    def measured() -> Iterator[Measurement]:
        unshifted = predictor.logits(images)
        pairs = [*protocols(images, drawing(seed, count), max_shift, cut)]
        if compat is not None:
            shared = drawing(seed, count, share=batch)
            views = PUBLISHED[compat](images, shared, max_shift, cut)
            published = replace(views, params={**views.params, "batch": batch})
            for one in compare(predictor, images, published, unshifted, labels):
                # examples that share an offset are not independent
                yield replace(one, low=None, high=None, interval="")
        for views in pairs:
            yield from compare(predictor, images, views, unshifted, labels)
        for distance in range(1, min(distances, min(images.shape[1:3]) // 2) + 1):
            ring = draw_ring(jax.random.key(seed), count, distance)
            for protocol, perturb in (("circular", circular), ("zero", zero)):
                yield Measurement.of_examples(
                    protocol,
                    "agreement",
                    agreement(predictor.logits(images, perturb, ring), unshifted),
                    params={"distance": distance},
                )

    return measured()


@dataclass(frozen=True)
class Views:
    """Two views of every image, to be compared.

    Attributes:
      protocol: names the rows.
      params: of the protocol.
      perturb: makes a view from an image and an offset.
      first: an offset for each example.
      second: of the other view; None for the unshifted image.
    """

    protocol: str
    params: Mapping[str, Any]
    perturb: Perturb
    first: Draws
    second: Draws | None = None


Draw = Callable[[int, int], Draws]  # draw(low, high): new offsets at every call


def drawing(seed: int, count: int, share: int = 1) -> Draw:
    """Returns what draws an offset for each example, `share` in a row getting one."""
    keys = map(partial(jax.random.fold_in, jax.random.key(seed)), itertools.count())

    def draw(low: int, high: int) -> Draws:
        offsets = draw_offsets(next(keys), -(-count // share), low, high)
        return np.repeat(offsets, share, 0)[:count]

    return draw


def protocols(images: Stored, draw: Draw, max_shift: int, pad: int) -> Iterator[Views]:
    """Yields the pairs of views that every example draws on its own."""
    m, params = max_shift, {"max_shift": max_shift}
    yield Views("circular", params, circular, draw(-m, m), draw(-m, m))
    default = pad == 2 * m + 1
    yield crops("crop", params if default else {"pad": pad}, images, draw, pad)
    yield Views("zero", params, zero, draw(-m, m))


def crops(
    protocol: str, params: Mapping[str, Any], images: Stored, draw: Draw, pad: int
) -> Views:
    """Returns two crops of each image, at offsets uniform on [0, r)²."""
    perturb = Crop(*images.shape[1:3], pad=pad)
    return Views(protocol, params, perturb, draw(0, pad - 1), draw(0, pad - 1))


def aps_cifar(images: Stored, draw: Draw, max_shift: int, pad: int) -> Views:
    """A circular shift on [−m, m)², one for a batch, against the unshifted image."""
    del images, pad
    m = max_shift
    return Views("aps_cifar", {"max_shift": m}, circular, draw(-m, m - 1))


def aps_imagenet(images: Stored, draw: Draw, max_shift: int, pad: int) -> Views:
    """Two circular shifts on [−m, m)², each one for a batch."""
    del images, pad
    m, params = max_shift, {"max_shift": max_shift}
    return Views("aps_imagenet", params, circular, draw(-m, m - 1), draw(-m, m - 1))


def zhang(images: Stored, draw: Draw, max_shift: int, pad: int) -> Views:
    """Two crops at offsets on [0, r)², each one for a batch."""
    del max_shift
    return crops("zhang", {"pad": pad}, images, draw, pad)


PUBLISHED = {"aps_cifar": aps_cifar, "aps_imagenet": aps_imagenet, "zhang": zhang}


def compare(
    predictor: Predictor,
    images: Stored,
    views: Views,
    unshifted: Scores,
    labels: Classes,
) -> Iterator[Measurement]:
    """Yields the measures of one pair of views."""
    a = predictor.logits(images, views.perturb, views.first)
    b, offsets = unshifted, [views.first]
    if views.second is not None:
        b = predictor.logits(images, views.perturb, views.second)
        offsets.append(views.second)
    seen = {
        "predictions": np.stack([predictions(a), predictions(b)], 1),
        "offsets": np.stack(offsets, 1),
    }
    measured = partial(Measurement.of_examples, views.protocol, params=views.params)
    yield measured("agreement", agreement(a, b), arrays=seen)
    yield measured("mac", mac(a, unshifted))
    yield measured("accuracy", correct(a, labels))
    yield measured(
        "relative_logit_distance", relative_logit_distance(a, unshifted), bounds=None
    )


def check(images: Stored, max_shift: int, pad: int | None, compat: str | None) -> None:
    """Raises UserError for shifts that make no sense on these images."""
    height, width = images.shape[1:3]
    if not 1 <= max_shift < min(height, width):
        raise UserError(
            f"eval.shift.max_shift={max_shift}: images of {height}×{width} take 1 to "
            f"{min(height, width) - 1}"
        )
    if pad is not None and pad < 1:
        raise UserError(f"eval.shift.pad={pad}: crops need at least 1 pixel, or null")
    if compat is not None and compat not in PUBLISHED:
        raise UserError(
            f"eval.shift.compat={compat}: there are {', '.join(PUBLISHED)}, and null"
        )
