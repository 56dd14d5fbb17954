"""What a claim declares: arms, whose difference, in what, against which margin."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from research.claims import rule, versions
from research.claims.arms import Overrides
from research.claims.measure import Contrast
from research.stats import LEVEL

NO_OTHER_REASON = (
    "The smallest effect thought to be of interest; no other reason was registered."
)


@dataclass(frozen=True)
class Claim:
    """A sentence, and what decides about it.

    The one place of its arms: an experiment trains those named here, and those alone.

    Attributes:
      sentence: in the words of the answer.
      setting: the option of `conf/setting/SCALE/` that its arms are relative to.
      arms: name in words → overrides (see `research.claims.arms`).
      comparison: the primary contrast, in words.
      contrasts: level of the factor → primary contrasts, of which the least counts; one
        level where there is no factor.
      margin: the smallest effect of interest, in the measure's unit.
      reason_for_margin: why not another.
      factor: what the levels are of.
      no_worse: the sentence says "no worse than", by the margin.
      details: further contrasts, by what they are.
      figures: names of the figures that show it.
      seeds: how many are wanted.
      note: what a reader of the verdict must know.

    Raises:
      ValueError: a contrast names an arm that is not there.
    """

    sentence: str
    setting: str
    arms: Mapping[str, Overrides]
    comparison: str
    contrasts: Mapping[str, tuple[Contrast, ...]]
    margin: float
    reason_for_margin: str
    factor: str = ""
    no_worse: bool = False
    details: Mapping[str, Contrast] = field(default_factory=dict)
    figures: tuple[str, ...] = ()
    seeds: int = 5
    note: str = ""

    def __post_init__(self) -> None:
        compared = [*self._primary_contrasts(), *self.details.values()]
        named = {arm for contrast in compared for arm in contrast.arms}
        if unknown := named - self.arms.keys():
            raise ValueError(
                f"{self.sentence}: contrasts of {sorted(unknown)}, which are none of "
                f"its arms {sorted(self.arms)}"
            )

    @property
    def threshold(self) -> float:
        """What the interval must lie above."""
        return -self.margin if self.no_worse else self.margin

    @property
    def primary(self) -> tuple[str, ...]:
        """Names of the arms that decide, in the order of `arms`."""
        deciding = {arm for one in self._primary_contrasts() for arm in one.arms}
        return tuple(arm for arm in self.arms if arm in deciding)

    @property
    def secondary(self) -> tuple[str, ...]:
        """Names of the other arms, in the order of `arms`."""
        deciding = self.primary
        return tuple(arm for arm in self.arms if arm not in deciding)

    @property
    def settings(self) -> tuple[str, ...]:
        """Names of the settings of its arms, its own first."""
        found = [self.split(arm)[0] for arm in self.arms]
        return tuple(dict.fromkeys([self.setting, *found]))

    def split(self, arm: str) -> tuple[str, Overrides]:
        """Returns the setting of an arm and its other overrides."""
        first, *others = self.arms[arm] or ("",)
        if first.startswith("setting="):
            return first.removeprefix("setting="), tuple(others)
        return self.setting, tuple(self.arms[arm])

    def overrides(self, arm: str, scale: str) -> Overrides:
        """Returns what composes an arm at a scale, as on the command line."""
        setting, others = self.split(arm)
        return (f"setting={scale}/{setting}", *others)

    def fingerprint(self, settings: Mapping[str, Mapping[str, Any]]) -> str:
        """Returns the SHA-256 of all that the verdict depends on before any run.

        Reasons, notes and other texts do not count, but for the sentence; neither do
        modules, nor the order of arms and overrides.

        Args:
          settings: of its arms, by name, as `describe_setting` returns them.
        """
        arms = {
            arm: [setting, sorted(others)]
            for arm, (setting, others) in ((one, self.split(one)) for one in self.arms)
        }
        registered = {
            "sentence": self.sentence,
            "arms": arms,
            "settings": {name: settings[name] for name in self.settings},
            "contrasts": {
                level: [asdict(one) for one in several]
                for level, several in self.contrasts.items()
            },
            "details": {name: asdict(one) for name, one in self.details.items()},
            "margin": self.margin,
            "factor": self.factor,
            "no worse": self.no_worse,
            "seeds": self.seeds,
            "level": rule.LEVEL,
            "coverage": LEVEL,
            "estimator": versions.ESTIMATOR,
            "judgement": versions.JUDGEMENT,
            "rule": versions.RULE,
        }
        text = json.dumps(registered, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def _primary_contrasts(self) -> Iterator[Contrast]:
        for several in self.contrasts.values():
            yield from several
