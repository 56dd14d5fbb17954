"""Images that several arms all classify correctly.

Accuracy confounds stability: a network that is often wrong flips often. So arms are
compared on the images that each of them has right, seed by seed.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Integer, Shaped


def right_in_all(
    predictions: Integer[np.ndarray, "arms *seeds examples"],
    labels: Integer[np.ndarray, " examples"],
) -> Bool[np.ndarray, "*seeds examples"]:
    """Returns which images every arm classifies correctly, seed by seed.

    Args:
      predictions: top-1 of the unshifted images; the arms of one contrast, in any
        order, and the same images in each seed.
      labels: of the images.
    """
    return (predictions == labels).all(0)


def mean_over_kept(
    values: Shaped[np.ndarray, "*seeds examples"],
    kept: Bool[np.ndarray, "*seeds examples"],
) -> Float[np.ndarray, "*seeds"]:
    """Returns each seed's mean over the images kept; NaN where there are none."""
    counts = kept.sum(-1)
    sums = np.where(kept, values, 0).sum(-1, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / counts)
