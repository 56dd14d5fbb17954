"""How an interval becomes a verdict; fixed before the runs (`versions.RULE`).

With t = margin, or −margin where the sentence says "no worse than":

- an interval above t supports the sentence, one below t refutes it: there the effect is
  smaller than what is of interest, or points the other way;
- where a factor is named, each level is decided by itself: if all agree, that is the
  verdict; if one supports and another refutes the sentence, it depends on the factor;
- everything else is inconclusive, as is support that does not survive Holm's correction
  over all claims at 5 %.
"""

from __future__ import annotations

from collections.abc import Mapping

from research.claims.verdict import INCONCLUSIVE, REFUTED, SUPPORTED
from research.stats import Interval

LEVEL = 0.05  # of a false support among all claims


def decide(interval: Interval, threshold: float) -> str:
    """Returns what one interval says; `NO_INTERVAL` is inconclusive."""
    if interval.low > threshold:
        return SUPPORTED
    if interval.high < threshold:
        return REFUTED
    return INCONCLUSIVE


def combine(levels: Mapping[str, str], factor: str) -> str:
    """Returns the verdict over the levels of a factor.

    Args:
      levels: level → what its interval says.
      factor: named if they disagree.
    """
    found = set(levels.values())
    if {SUPPORTED, REFUTED} <= found:
        return f"depends: {factor}"
    return found.pop() if len(found) == 1 else INCONCLUSIVE


def correct(verdict: str, adjusted: float | None) -> str:
    """Withdraws support that may be due to the number of claims alone."""
    lucky = adjusted is None or not adjusted <= LEVEL
    return INCONCLUSIVE if verdict == SUPPORTED and lucky else verdict
