"""What a claim declares: arms, and questions about them with margins and rules."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from research.claims import family, versions
from research.claims.arms import Overrides
from research.claims.measure import Contrast, trained_arms
from research.claims.question import Question
from research.stats import LEVEL


@dataclass(frozen=True)
class Claim:
    """A sentence, and what decides about it.

    The one place of its arms: an experiment trains those named here, and those alone.

    Attributes:
      sentence: in the words of the answer.
      design: how it is asked, in two lines.
      setting: the option of `conf/setting/SCALE/` that its arms are relative to.
      arms: name in words → overrides (see `research.claims.arms`).
      questions: by key, the primary one first; what they compare is trained first. None
        of a claim that is descriptive.
      details: secondary contrasts, by what they are.
      limits: what the design cannot say, whatever comes out.
      figures: names of the figures that show it.
      command: what makes its rows, where that is no experiment of arms.

    Raises:
      ValueError: a contrast names an arm that is not there.
    """

    sentence: str
    design: str
    setting: str
    arms: Mapping[str, Overrides]
    questions: Mapping[str, Question]
    details: Mapping[str, Contrast] = field(default_factory=dict)
    limits: str = ""
    figures: tuple[str, ...] = ()
    command: str = ""

    def __post_init__(self) -> None:
        compared = [*self._deciding(), *self.details.values()]
        named = {arm for contrast in compared for arm in trained_arms(contrast)}
        if unknown := named - self.arms.keys():
            raise ValueError(
                f"{self.sentence}: contrasts of {sorted(unknown)}, which are none of "
                f"its arms {sorted(self.arms)}"
            )

    @property
    def primary(self) -> tuple[str, ...]:
        """Names of the arms that decide, in the order of `arms`."""
        deciding = {arm for one in self._deciding() for arm in trained_arms(one)}
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

        Reasons, limits and other texts do not count, but for the sentence; neither do
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
            "questions": {
                key: one.register()
                for key, one in self.questions.items()
                if not one.afterwards
            },
            "details": {name: asdict(one) for name, one in self.details.items()},
            "level": family.LEVEL,
            "family": family.CONFIRMATORY.size,
            "coverage": LEVEL,
            "estimator": versions.ESTIMATOR,
            "judgement": versions.JUDGEMENT,
            "rule": versions.RULE,
            "tuning": versions.TUNING,
        }
        text = json.dumps(registered, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def _deciding(self) -> list[Contrast]:
        return [one for each in self.questions.values() for one in each.contrasts]
