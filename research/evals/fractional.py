"""Agreement under circular shifts by fractions of a pixel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from research.data.split import Split
from research.errors import UserError
from research.evals.changes import compared
from research.evals.engine.predictor import Predictor
from research.evals.measurement import Measurement
from research.nn.signal import fractional_shift

FINEST = 4


def evaluate(
    predict: Callable[..., Any],
    split: Split,
    *,
    upsampling: Sequence[int] = (2, 3, 4),
    max_shift: int = 3,
    seed: int = 0,
    batch: int = 512,
) -> Iterator[Measurement]:
    """Compares images shifted by i/u pixels with the images themselves.

    For each u every example draws one (i_y, i_x), uniform on [−m·u, m·u]². The shift is
    the ideal one, of the image as a periodic band-limited signal
    (`research.nn.signal.fractional_shift`): values may leave [0, 1] near edges.

    Args:
      predict: any `images → logits`.
      split: (N, H, W, C) images and their labels.
      upsampling: each u, from 1 (whole pixels) to 4.
      max_shift: m, pixels.
      seed: of the draws.
      batch: examples a call.

    Yields:
      For every u `agreement`, `mac`, `accuracy`, `relative_logit_distance`.

    Raises:
      UserError: a u outside 1 … 4.

    References:
      H. Michaeli, T. Michaeli, D. Soudry, Alias-Free Convnets, CVPR 2023,
      arXiv:2303.08085.
    """
    for u in upsampling:
        if u not in range(1, FINEST + 1):
            raise UserError(
                f"eval.fractional.upsampling={list(upsampling)}: takes integers u from "
                f"1 to {FINEST}, for shifts by multiples of 1/u pixel"
            )
    predictor = Predictor.of(predict, batch=batch)

    def measured() -> Iterator[Measurement]:
        still = predictor.logits(split.images)
        for u in upsampling:
            offsets = draw_fractions(seed, len(split), u, max_shift)
            logits = predictor.logits(split.images, fractional_shift, offsets)
            params = {"upsampling": u, "max_shift": max_shift}
            yield from compared("fractional", logits, still, split.labels, params)

    return measured()


def draw_fractions(seed: int, examples: int, u: int, max_shift: int) -> np.ndarray:
    """Draws (dy, dx) in multiples of 1/u, uniform on [−m, m]²; (examples, 2)."""
    reach = u * max_shift
    steps = np.random.default_rng([seed, u]).integers(-reach, reach + 1, (examples, 2))
    return (steps / u).astype(np.float32)
