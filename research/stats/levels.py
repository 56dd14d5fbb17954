"""Does an effect depend on a factor? The difference between two levels' differences."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from research.stats.interval import LEVEL, NO_INTERVAL, Interval, has_spread, tails
from research.stats.seeds import Difference, Seeds, correlate_pairs, paired_difference

PAIRED = "paired t over seeds"
WELCH = "Welch's t over seeds"


class Interaction(NamedTuple):
    """How an effect at one level differs from that at another.

    Attributes:
      difference: first − second, in the unit of the effects; p is of none.
      correlation: of the two effects over shared seeds; NaN below three.
    """

    difference: Difference
    correlation: float

    @property
    def depends(self) -> bool:
        """Whether the interval leaves out 0; never without an interval."""
        low, high, how = self.difference.interval
        return bool(how) and not low <= 0 <= high


def compare_levels(
    first: Seeds, second: Seeds, *, paired: bool | None = None, level: float = LEVEL
) -> Interaction:
    """Compares the effect at two levels of a factor.

    That one level is decided and the other is not says nothing of their difference
    (Gelman & Stern 2006): this is its test.

    Args:
      first: seed → difference of two arms at one level.
      second: seed → the same difference at another level.
      paired: by Student's t over the seeds that both have; False: by Welch's t over all
        seeds, for levels whose seeds share nothing. None: paired where they have at
        least two seeds in common.
      level: coverage aimed at.

    Returns:
      The interaction, its interval named `paired t over seeds` or `Welch's t over
      seeds`. Without spread: no interval, p = 1.
    """
    shared = len(first.keys() & second.keys())
    if paired if paired is not None else shared >= 2:
        found = paired_difference(first, second, level=level)
        if found.interval.how:
            found = found._replace(interval=found.interval._replace(how=PAIRED))
    else:
        found = _welch(first, second, level)
    return Interaction(found, correlate_pairs(first, second))


def _welch(first: Seeds, second: Seeds, level: float) -> Difference:
    """Returns the difference of means of independent seeds (Welch 1947)."""
    a, b = (np.array([*one.values()], np.float64) for one in (first, second))
    n = min(a.size, b.size)
    mean = float(a.mean() - b.mean()) if n else np.nan
    if n < 2 or not np.isfinite(mean) or not (has_spread(a) or has_spread(b)):
        return Difference(mean, NO_INTERVAL, 1.0, n)
    # By hand, as SciPy's test warns where one of the two has no spread.
    from scipy.stats import t

    squares = [one.var(ddof=1) / one.size for one in (a, b)]
    se = sum(squares) ** 0.5
    df = sum(squares) ** 2 / sum(
        square**2 / (one.size - 1) for square, one in zip(squares, (a, b), strict=True)
    )
    reach = float(t.ppf(tails(level)[1], df) * se)
    interval = Interval(mean - reach, mean + reach, WELCH)
    return Difference(mean, interval, float(2 * t.sf(abs(mean) / se, df)), n)
