"""The outcome of a claim: its sentence, an effect, an interval, a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

SUPPORTED, REFUTED, INCONCLUSIVE = "supported", "refuted", "inconclusive"
PRIMARY = "primary, "  # begins the name of each level in the details


class Case(NamedTuple):
    """The primary contrast at one level of its factor; None is unknown."""

    name: str
    effect: float | None
    low: float | None
    high: float | None
    interval: str


@dataclass(frozen=True)
class Verdict:
    """The outcome of one claim, made from rows alone.

    Attributes:
      id: `C1` … `C10`, `B1` … `B6`.
      sentence: what is claimed, in the words of the answer.
      contrast: the primary contrast, in words: what minus what, measured how.
      verdict: `supported`, `refuted`, `depends: on what`, or `inconclusive`.
      effect: value of the primary contrast, of its first level if it has several, or
        None where rows are missing.
      low: lower end of its 95 % interval, or None.
      high: upper end, or None.
      margin: smallest effect of interest, in the effect's unit.
      unit: of effect and margin: `percentage points`, `pixels`, `ratio`, ….
      interval: how the interval was made: `paired t over 5 seeds`.
      n: how many seeds, or examples, the interval is over.
      p: two-sided p value of no effect, or of an effect at the margin where that is
        negative ("no worse"); the largest over the levels; or None.
      adjusted: p after Holm over all claims, or None.
      remarks: what the reader must know: scale, missing seeds, checks that were made.
      details: further numbers, one mapping for each, with the same keys throughout.
      figures: names of the figures that show it, without suffix.
      command: what makes its runs.
      fingerprint: of the claim, with the settings of its scale (`Claim.fingerprint`).
    """

    id: str
    sentence: str
    contrast: str
    verdict: str
    effect: float | None
    low: float | None
    high: float | None
    margin: float
    unit: str
    interval: str
    n: int
    p: float | None = None
    adjusted: float | None = None
    remarks: tuple[str, ...] = ()
    details: tuple[Mapping[str, Any], ...] = field(default_factory=tuple)
    figures: tuple[str, ...] = ()
    command: str = ""
    fingerprint: str = ""

    @property
    def cases(self) -> list[Case]:
        """What decides: the primary contrast at each level, unnamed if it has one."""
        levels = [
            line
            for line in self.details
            if str(line.get("contrast", "")).startswith(PRIMARY)
        ]
        if len(levels) < 2:
            return [Case("", self.effect, self.low, self.high, self.interval)]
        return [
            Case(
                line["contrast"].removeprefix(PRIMARY),
                line.get("effect"),
                line.get("low"),
                line.get("high"),
                line.get("interval", ""),
            )
            for line in levels
        ]
