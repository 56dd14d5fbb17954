"""A question of a claim: contrasts, a margin with its reason, and a rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from research.claims.family import CONFIRMATORY, Family
from research.claims.measure import Contrast
from research.claims.rule import DIFFERENCE, Rule


@dataclass(frozen=True)
class Question:
    """What is asked of the rows, fixed before there are any.

    Attributes:
      asks: the contrast, in words: what minus what, measured how.
      cases: level of the factor → contrast; one, unnamed, where there is no factor.
        An outcome needs every case.
      margin: the smallest effect of interest, in the measure's unit.
      reason: why not another.
      rule: what the interval is compared with, and what that says.
      factor: what the cases are levels of; "" where they are just several.
      family: of questions over which Holm's rule is applied; None: of none.
      conditions: what must hold for the contrasts to mean anything: the mean of each
        must be at most `limit`.
      limit: of the conditions.
      afterwards: asked when the result was known. It is told beside what was
        registered, is of no family, and leaves the fingerprint as it was.
    """

    asks: str
    cases: Mapping[str, Contrast]
    margin: float
    reason: str
    rule: Rule = DIFFERENCE
    factor: str = ""
    family: Family | None = None
    conditions: tuple[Contrast, ...] = ()
    limit: float = 0.0
    afterwards: bool = False

    def __post_init__(self) -> None:
        if self.afterwards and self.family:
            raise ValueError("a question asked afterwards confirms nothing")

    @property
    def contrasts(self) -> list[Contrast]:
        """All contrasts that are looked at."""
        return [*self.cases.values(), *self.conditions]

    @property
    def ends(self) -> tuple[float, float]:
        """What the interval is compared with."""
        return self.rule.ends(self.margin)

    def register(self) -> dict[str, Any]:
        """Returns what decides, without words that explain it."""
        of_others = self.family not in (None, CONFIRMATORY)
        return {
            "cases": {name: asdict(one) for name, one in self.cases.items()},
            "margin": self.margin,
            "rule": self.rule.name,
            "factor": self.factor,
            "confirmatory": self.family == CONFIRMATORY,
            "conditions": [asdict(one) for one in self.conditions],
            "limit": self.limit,
            **({"family": self.family} if of_others else {}),
        }
