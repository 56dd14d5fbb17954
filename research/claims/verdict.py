"""The outcome of a claim: what its questions came to, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from research.claims.family import Family

SUPPORTED, REFUTED = "supported", "refuted"
NO_DIFFERENCE, UNDETERMINED = "no difference", "undetermined"
NOT_RUN, DESCRIPTIVE = "not run", "descriptive"
DEPENDS = "depends"  # followed by `: on what`


class Case(NamedTuple):
    """One contrast of a question; None is unknown.

    Attributes:
      name: of the case; empty where there is one.
      effect: mean over seeds.
      low: lower end of its 95 % interval.
      high: upper end.
      sd: standard deviation of the differences over seeds.
      n: how many seeds.
      interval: how it was made: `paired t over 10 seeds`.
      outcome: superior, inferior, equivalent or undetermined.
      correlation: of two arms over seeds.
      crossed: the interval of the bootstrap over seeds × examples, as a check.
      turning: seeds without each of which the outcome is another.
      needed: seeds that decide an effect and spread like these at 80 % power; None
        where it is decided, and where 10,000 do not suffice.
    """

    name: str
    effect: float | None
    low: float | None
    high: float | None
    sd: float | None
    n: int
    interval: str
    outcome: str
    correlation: float | None = None
    crossed: tuple[float, float] | None = None
    turning: tuple[int, ...] = ()
    needed: int | None = None


class Difference(NamedTuple):
    """The effect in one case of a question less that in another.

    Attributes:
      first: the case.
      second: that which is subtracted.
      effect: mean over seeds.
      low: lower end of its 95 % interval.
      high: upper end.
      interval: how it was made.
    """

    first: str
    second: str
    effect: float
    low: float
    high: float
    interval: str


@dataclass(frozen=True)
class Answer:
    """What one question of a claim came to.

    Attributes:
      key: of the question in its claim: empty for the first, else `a`, `b`, ….
      asks: the contrast, in words: what minus what, measured how.
      verdict: `supported`, `refuted`, `no difference`, `depends: on what`,
        `undetermined`, `not run` or `descriptive`. Before all registered seeds are
        run, nothing is decided: `undetermined: 7 of 10 seeds`.
      cases: each contrast; the first one's numbers stand for the answer.
      margin: in the effect's unit.
      rule: what decides, in words.
      unit: of effect and margin.
      family: of questions that Holm's rule is over; None: of none.
      p: of the outcome at the margin, two-sided; or None.
      p_is: which of several cases' p that is, in words.
      adjusted: p after Holm's rule, of those of a family; or None.
      interaction: how the levels of its factor differ, the first two; None without.
      afterwards: asked when the result was known.
      repeats: its cases are those of a question before it.
    """

    key: str
    asks: str
    verdict: str
    cases: tuple[Case, ...]
    margin: float
    rule: str
    unit: str
    family: Family | None = None
    p: float | None = None
    p_is: str = ""
    adjusted: float | None = None
    interaction: Difference | None = None
    afterwards: bool = False
    repeats: bool = False

    @property
    def first(self) -> Case:
        """The case whose numbers stand for the answer."""
        return self.cases[0]


@dataclass(frozen=True)
class Verdict:
    """The outcome of one claim, made from rows alone.

    Attributes:
      id: `C1` … `C10`, `B1` … `B8`.
      sentence: what is claimed, in the words of the answer.
      design: how it is asked, in two lines.
      answers: to each of its questions, the primary one first; none for a descriptive
        claim.
      remarks: what the reader must know: scale, missing seeds, checks that were made.
      limits: of the design, whatever came out.
      details: secondary contrasts, one mapping for each, with the same keys throughout.
      figures: names of the figures that show it, without suffix.
      command: what makes its runs.
      fingerprint: of the claim, with the settings of its scale (`Claim.fingerprint`).
    """

    id: str
    sentence: str
    design: str
    answers: tuple[Answer, ...]
    remarks: tuple[str, ...] = ()
    limits: str = ""
    details: tuple[Mapping[str, Any], ...] = field(default_factory=tuple)
    figures: tuple[str, ...] = ()
    command: str = ""
    fingerprint: str = ""

    @property
    def verdict(self) -> str:
        """That of the primary question."""
        return self.answers[0].verdict if self.answers else DESCRIPTIVE

    @property
    def kind(self) -> str:
        """The verdict without what it depends on, or waits for."""
        return self.verdict.partition(":")[0]
