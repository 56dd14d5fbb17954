"""Questions whose decisions are corrected together; fixed before the runs.

A decision of a family stands only if its p, after Holm's rule over the family, is at
most 5 %.
"""

from __future__ import annotations

from typing import NamedTuple

LEVEL = 0.05  # of a false decision among all questions of a family


class Family(NamedTuple):
    """Questions that were registered together.

    Attributes:
      name: of the family.
      size: how many they are; those that are not run yet count as p = 1.
    """

    name: str
    size: int


CONFIRMATORY = Family("confirmatory", 9)
REPLICATION = Family("replication", 4)  # B7's, of what was decided before it
