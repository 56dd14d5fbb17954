"""Segmentation: one label per pixel, which moves with its image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from research.tasks.pixel_losses import IGNORED, pixel_cross_entropy, take_masks
from research.tasks.task import Batch, PerExample
from research.types import Count, Natural

PixelLogits = Float[Any, "batch height width classes"]


@dataclass(frozen=True)
class Segmentation:
    """Logits of every pixel against an integer `mask`; agreement is over pixels.

    `pixel_accuracy` of an image is the share of its pixels with a label whose largest
    logit is the label's; an image of which no pixel has a label counts as right. Mean
    IoU is no mean over images: see `research.evals.segmentation`.

    Attributes:
      minimise: `minimise(network, batch) → (mean loss, logits)`.
      ignore: the label of pixels that have none; 255 as in VOC.
      outputs: logits of each pixel that a network is built with; None: as many as the
        data have classes.
    """

    scores: ClassVar[tuple[str, ...]] = ("pixel_accuracy",)
    minimise: Callable[..., tuple[Array, Array]] = pixel_cross_entropy
    ignore: Natural = IGNORED
    outputs: Count | None = None

    def loss(self, network: Any, batch: Batch) -> tuple[Float[Array, ""], PixelLogits]:
        """Returns the mean loss and the logits; see `Task.loss`."""
        return self.minimise(network, batch)

    def score(self, outputs: PixelLogits, batch: Batch) -> dict[str, PerExample]:
        """Returns `pixel_accuracy`, in [0, 1].

        Raises:
          UserError: there is no label for each pixel.
        """
        mask = take_masks(outputs, batch)
        known = mask != self.ignore
        right = known & (outputs.argmax(-1) == mask)
        pixels = known.sum((1, 2))
        share = right.sum((1, 2)) / pixels.clip(1) + (pixels == 0)
        return {"pixel_accuracy": share.astype("float32")}

    def undo(self, outputs: PixelLogits, offsets: Int[Any, "batch 2"]) -> PixelLogits:
        """Rolls the answers back: entry u is that of the pixel that was shown at u.

        What a shift that is not circular brought in stands at the other side, and
        counts as the pixels that it replaced.
        """
        numbers = np if isinstance(outputs, np.ndarray) else jnp
        rolled = [
            numbers.roll(one, (-int(dy), -int(dx)), (0, 1))
            for one, (dy, dx) in zip(outputs, np.asarray(offsets), strict=True)
        ]
        return numbers.stack(rolled)

    def agreement(self, a: PixelLogits, b: PixelLogits) -> PerExample:
        """Returns the share of pixels of which both predict the same class.

        All pixels count, with a label or without: mASSC of the circular kind, where the
        shift was undone.

        References:
          X. Zou et al., Delving Deeper into Anti-aliasing in ConvNets, BMVC 2020,
          arXiv:2008.09604.
        """
        return (a.argmax(-1) == b.argmax(-1)).mean((1, 2)).astype("float32")
