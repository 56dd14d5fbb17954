"""A canonical shift: every image is moved to where its lowest frequency has one phase.

It is the frame that makes a function invariant to circular shifts whatever it computes:
all shifts of an image become one and the same image before the network sees it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from research.nn.signal import shift
from research.types import Images, Map, Probability
from research.wrappers.wrapper import Wrapper

LEVELS = 255  # of a pixel: sums of whole numbers do not depend on their order
BEFORE = 0.25  # symmetric content has its crest on a pixel or between two: a tie of ½
FLAT = 1e-6  # of the sum of an axis: an amplitude below this is rounding


@dataclass(frozen=True)
class Canonical(Wrapper):
    """The image moved so that the crest of its lowest frequency lies where `crest` is.

    F = Σ p_x e^(−2πix/W) of the profile p, the sums of columns over rows and channels,
    turns by −2πd/W when the image shifts by d, and so its crest at −arg(F)·W/2π moves
    by d. The image is moved back by whole pixels, rows alike. In exact arithmetic this
    is the same image for **all** integer circular shifts, under any network. Two cases
    are left out: an axis whose lowest frequency is absent, which stays as it is; and a
    crest that lies within rounding, about 1e-4 pixels, of ¾ between two pixels. Real
    movement, where content leaves and comes in, changes the crest a little, and with it
    the border. One pass and no parameters.

    Attributes:
      crest: where the brightest part of the slowest wave comes to lie along each axis,
        as a part of the side: ½ is the middle, 0 puts the dark part there.

    References:
      arXiv:2502.19921 (a signal's canonical shift from the phase of a frequency, before
      any network); S.-O. Kaba et al., Equivariance with Learned Canonicalization
      Functions, ICML 2023, arXiv:2211.06489.
    """

    crest: Probability = 0.5

    def views(self, images: Images) -> Sequence[Map]:
        """Returns the one moved image."""
        levels = jnp.round(images * LEVELS)
        rows, columns = (find_crest(levels.sum((axis, 3))) for axis in (2, 1))
        target = [int(self.crest * size) for size in images.shape[1:3]]
        places = jnp.floor(jnp.stack([rows, columns], 1) + BEFORE)
        return [shift(images, (jnp.array(target) - places).astype(jnp.int32))]


def find_crest(profile: Float[Array, "batch size"]) -> Float[Array, " batch"]:
    """Returns where the slowest wave of a profile is highest, in [0, size).

    Where there is none the crest is at 0.

    Args:
      profile: of each example, along one axis.
    """
    size = profile.shape[1]
    angle = 2 * np.pi * np.arange(size) / size
    centred = profile - profile.mean(1, keepdims=True)
    real, imaginary = (centred @ wave for wave in (np.cos(angle), np.sin(angle)))
    crest = jnp.arctan2(imaginary, real) * (size / (2 * np.pi)) % size
    none = jnp.hypot(real, imaginary) <= FLAT * jnp.abs(profile).sum(1)
    return jnp.where(none, 0.0, crest)
