"""A task without labels: which pixels belong to the figure; and a tiny dense network.

Segmentation in miniature, to show that training knows no label.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from research.data.split import Split
from research.nn.layers import ConvNormAct


class Dense(nnx.Module):
    """(B, H, W, 1) → logits of two classes for each pixel, (B, H, W, 2)."""

    def __init__(self, rngs):
        self.inner = ConvNormAct(1, 8, padding="circular", rngs=rngs)
        self.last = ConvNormAct(8, 2, act=lambda x: x, padding="circular", rngs=rngs)

    def __call__(self, images):
        return self.last(self.inner(images))


@dataclass(frozen=True)
class Masks:
    """Logits of each pixel against `mask`, 1 in the figure and 0 around it."""

    scores: ClassVar = ("pixel_accuracy", "overlap")

    def loss(self, network, batch):
        logits = network(batch["image"])
        each = optax.softmax_cross_entropy_with_integer_labels(logits, batch["mask"])
        return each.mean(), logits

    def score(self, outputs, batch):
        found, true = outputs.argmax(-1) == 1, batch["mask"] == 1
        union = (found | true).sum((1, 2))
        overlap = (found & true).sum((1, 2)) / jnp.maximum(union, 1)
        return {
            "pixel_accuracy": (found == true).mean((1, 2)).astype("float32"),
            "overlap": overlap.astype("float32"),
        }

    def undo(self, outputs, offsets):
        back = lambda rows, offset: jnp.roll(rows, -offset, (0, 1))  # noqa: E731
        return jax.vmap(back)(jnp.asarray(outputs), jnp.asarray(offsets))

    def agreement(self, a, b):
        return (a.argmax(-1) == b.argmax(-1)).mean((1, 2)).astype("float32")


def make_squares(count, size=8):
    """Bright squares of 3×3 pixels on noise, and where they are."""
    rng = np.random.default_rng(0)
    masks = np.zeros((count, size, size), np.int32)
    for mask, (top, left) in zip(masks, rng.integers(0, size - 3, (count, 2))):  # noqa: B905
        mask[top : top + 3, left : left + 3] = 1
    images = rng.integers(0, 60, (count, size, size)) + 150 * masks
    return Split({"image": images[..., None].astype(np.uint8), "mask": masks})
