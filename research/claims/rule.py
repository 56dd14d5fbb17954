"""How an interval becomes a verdict; fixed before the runs (`versions.RULE`).

With t = margin, or −margin where the sentence says "no worse than":

- an interval above t supports the sentence, one below t refutes it: there the effect is
  smaller than what is of interest, or points the other way;
- where a factor is named, its levels decide one by one. All alike: that is the verdict;
  supported at one and refuted at another: it depends on the factor;
- everything else is inconclusive, and so is a support that does not survive Holm's rule
  over all claims at 5 %.
"""

from __future__ import annotations

from collections.abc import Mapping

from research.claims.verdict import INCONCLUSIVE, REFUTED, SUPPORTED
from research.stats import Interval

LEVEL = 0.05  # of a false support among all claims


def decide(interval: Interval, threshold: float) -> str:
    """Returns what one interval says; none says nothing."""
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
    """Takes back a support that may owe to the number of claims alone."""
    lucky = adjusted is None or not adjusted <= LEVEL
    return INCONCLUSIVE if verdict == SUPPORTED and lucky else verdict
