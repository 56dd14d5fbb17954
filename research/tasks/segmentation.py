"""Segmentation: one label per pixel, which moves with its image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Real

from research.nn.signal import fractional_shift
from research.tasks.pixel_losses import IGNORED, pixel_cross_entropy, take_masks
from research.tasks.task import Batch, PerExample
from research.types import Count, Natural

PixelLogits = Float[Any, "batch height width classes"]
BLOCK = 1024  # maps whose spectra are held at once


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

    def undo(self, outputs: PixelLogits, offsets: Real[Any, "batch 2"]) -> PixelLogits:
        """Shifts the answers back: entry u is that of the pixel that was shown at u.

        Whole offsets roll them, exactly; others shift the maps of logits as the images
        were, by their spectrum (`research.nn.signal.fractional_shift`). Along an axis
        of even length that loses what lies at the Nyquist frequency: by d and back it
        is cos²(πd) of itself, nothing at half a pixel. What a shift that is not
        circular brought in stands at the other side, and counts as the pixels that it
        replaced.
        """
        numbers = np if isinstance(outputs, np.ndarray) else jnp
        offsets = np.asarray(offsets)
        whole = np.rint(offsets)
        steps = zip(outputs, -whole.astype(int), strict=True)
        back = numbers.stack([numbers.roll(one, tuple(d), (0, 1)) for one, d in steps])
        rest = (offsets - whole).astype(np.float32)
        if not rest.any():
            return back
        exact = [
            numbers.asarray(fractional_shift(jnp.asarray(one), jnp.asarray(-by)))
            for one, by in zip(in_blocks(back), in_blocks(rest), strict=True)
        ]
        moved = rest.any(1)[:, None, None, None]
        return numbers.where(moved, numbers.concatenate(exact), back)

    def agreement(self, a: PixelLogits, b: PixelLogits) -> PerExample:
        """Returns the share of pixels of which both predict the same class.

        All pixels count, with a label or without: mASSC of the circular kind, where the
        shift was undone.

        References:
          X. Zou et al., Delving Deeper into Anti-aliasing in ConvNets, BMVC 2020,
          arXiv:2008.09604.
        """
        return (a.argmax(-1) == b.argmax(-1)).mean((1, 2)).astype("float32")


def in_blocks(rows: Any) -> Iterator[Any]:
    """Yields an array some rows at a time."""
    for start in range(0, len(rows), BLOCK):
        yield rows[start : start + BLOCK]
