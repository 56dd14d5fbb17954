"""An interval, how it was made, and when data have none."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

Values = Float[np.ndarray, " n"] | Int[np.ndarray, " n"] | Bool[np.ndarray, " n"]

LEVEL = 0.95
ROUNDING = 1e-14  # relative differences up to it are no spread


class Interval(NamedTuple):
    """An interval and how it was made; `how` is empty where there is none."""

    low: float
    high: float
    how: str


NO_INTERVAL = Interval(np.nan, np.nan, "")


def has_spread(values: Float[np.ndarray, " n"]) -> bool:
    """Returns whether values say how uncertain their mean is.

    Fewer than two do not, nor do non-finite ones, nor equal ones, or equal but for
    rounding.
    """
    if values.size < 2 or not np.isfinite(values).all():
        return False
    return bool(np.ptp(values) > ROUNDING * np.abs(values).max())


def tails(level: float) -> tuple[float, float]:
    """Returns the quantiles between which a share `level` of a distribution lies."""
    return (1 - level) / 2, (1 + level) / 2
