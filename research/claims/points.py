"""The points of an experiment, derived from the arms that claims declare.

A point is an arm and a seed: one run. An arm that several claims name, in whatever
spelling, is one point for each seed. Where a setting tunes the learning rate, each of
its arms is tried at some rates first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

from research import claims
from research.claims.arms import Overrides
from research.claims.setting import Compose, describe_settings
from research.claims.tuning import RATE, Tuning, choose, digest_trial
from research.errors import UserError
from research.runs import identity, identity_keys

SCALES = ("smoke", "cpu", "full")
LISTS = ("primary", "details")  # what decides, and the rest
TUNE = ("first", "only", "never")  # when the rates are tried
Tried = Mapping[str, Mapping[float, float]]  # digest → rate → validation accuracy


class Arm(NamedTuple):
    """What runs of all seeds have in common.

    Attributes:
      overrides: as a claim has them, with the setting.
      further: those of the command line.
    """

    overrides: Overrides
    further: Overrides


class Point(NamedTuple):
    """What one job trains.

    Attributes:
      arm: of any seed.
      seed: of it.
      fingerprints: claim → what it registers, of every claim that names the arm.
      rate: override of the learning rate that tuning chose; empty without tuning.
    """

    arm: Arm
    seed: str
    fingerprints: Mapping[str, str]
    rate: Overrides = ()

    @property
    def words(self) -> list[str]:
        """What makes the job, as on the command line."""
        made_for = [f"+claims.{name}={one}" for name, one in self.fingerprints.items()]
        seed = f"seed={self.seed}"
        return [*self.arm.overrides, *self.rate, *self.arm.further, seed, *made_for]


class Experiment:
    """What some claims train at one scale.

    Args:
      names: of claims, such as `c3`; their order is kept within each list.
      scale: of the settings.
      compose: `compose(*overrides)` → config, nested or flat.
      variants: further overrides: every arm is trained with each of these.

    Raises:
      UserError: there is no such claim or scale.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        scale: str,
        compose: Compose,
        variants: Sequence[Overrides] = ((),),
    ):
        known = claims.load()
        self.claims = [known[require("experiment", name, known)] for name in names]
        self.scale = require("scale", scale, SCALES)
        self.variants = variants
        self._compose = compose
        self._fingerprints: dict[tuple[str, Overrides], str] = {}

    def points(
        self,
        lists: Sequence[str] = LISTS,
        seeds: Sequence[str] | None = None,
        tried: Tried | None = None,
    ) -> Iterator[Point]:
        """Yields each point once: a list after the other, seeds outermost.

        So an experiment that is cut short has what decides, and as many seeds of one
        arm as of another.

        Args:
          lists: which, in this order.
          seeds: of every arm; None: as many as its setting has.
          tried: what came of the rates; None: none was tried, and every arm keeps the
            rate of its setting.

        Raises:
          UserError: the rates of an arm were not tried.
        """
        before: set[str] = set()
        for which in lists:
            arms = {
                key: arm for key, arm in self.arms(which).items() if key not in before
            }
            before |= arms.keys()
            wanted = [
                (arm, self._seeds(arm, seeds), self._rate(arm, tried))
                for arm in arms.values()
            ]
            for seed in dict.fromkeys(one for _, known, _ in wanted for one in known):
                for arm, known, rate in wanted:
                    if seed in known:
                        yield Point(arm, seed, self.fingerprints(arm), rate)

    def trials(
        self, lists: Sequence[str] = LISTS, tried: Tried | None = None
    ) -> list[list[str]]:
        """Returns the jobs that try learning rates, as on the command line.

        Args:
          lists: whose arms.
          tried: what came of those that were; None: the first of each arm. Else those
            beyond the edge of the grid, where the best lies there.
        """
        jobs: dict[tuple[str, float], list[str]] = {}
        for which in lists:
            for arm in self.arms(which).values():
                config = self._config(arm)
                if (tuning := Tuning.of(config)) is None:
                    continue
                digest = digest_trial(config, tuning)
                known = (tried or {}).get(digest, {})
                beyond = [tuning.next_rate(known)] if tried is not None else []
                for rate in tuning.rates if tried is None else beyond:
                    if rate is not None:
                        words = [*arm.overrides, *arm.further, *tuning.overrides(rate)]
                        jobs.setdefault((digest, rate), words)
        return [*jobs.values()]

    def arms(self, which: str) -> dict[str, Arm]:
        """Returns the arms of a list by digest, those of the claims in order.

        Args:
          which: `primary` or `details`.
        """
        found: dict[str, Arm] = {}
        for claim in self.claims:
            for name in claim.primary if which == "primary" else claim.secondary:
                for further in self.variants:
                    arm = Arm(claim.overrides(name, self.scale), further)
                    found.setdefault(identity.arm(self._config(arm)), arm)
        return found

    def fingerprints(self, arm: Arm) -> dict[str, str]:
        """Returns claim → fingerprint, of every claim that names an arm in its words.

        What is overridden on the command line makes another claim, with a fingerprint
        of its own, if weights or rows depend on it.
        """
        words = frozenset(arm.overrides)
        changes = tuple(one for one in arm.further if changes_results(one))
        naming = [name for name, arms in self._arms_of.items() if words in arms]
        return {name: self._fingerprint(name, changes) for name in naming}

    @cached_property
    def _arms_of(self) -> dict[str, set[frozenset[str]]]:
        return {
            name: {frozenset(claim.overrides(arm, self.scale)) for arm in claim.arms}
            for name, claim in claims.load().items()
        }

    def _fingerprint(self, name: str, changes: Overrides) -> str:
        key = name, changes
        if key not in self._fingerprints:
            claim = claims.load()[name]
            arms = {arm: (*words, *changes) for arm, words in claim.arms.items()}
            settings = describe_settings(claim.settings, self.scale, self._compose)
            self._fingerprints[key] = replace(claim, arms=arms).fingerprint(settings)
        return self._fingerprints[key]

    def _seeds(self, arm: Arm, seeds: Sequence[str] | None) -> Sequence[str]:
        if seeds is not None:
            return seeds
        count = self._config(arm)["seeds"]
        if not isinstance(count, int) or count < 1:
            raise UserError(f"seeds={count}: takes how many there are of each arm: 5")
        return [str(one) for one in range(count)]

    def _rate(self, arm: Arm, tried: Tried | None) -> Overrides:
        config = self._config(arm)
        tuning = Tuning.of(config)
        if tuning is None or tried is None:
            return ()
        best = choose(tried.get(digest_trial(config, tuning), {}))
        if best is None:
            raise UserError(
                f"no learning rate was tried for {' '.join(arm.overrides)}; "
                "tune=only tries them, tune=never takes the rate of the setting"
            )
        return (f"{RATE}={best:g}",)

    def _config(self, arm: Arm) -> Mapping[str, Any]:
        return identity.flatten(self._compose(*arm.overrides, *arm.further))


def changes_results(override: str) -> bool:
    """Whether weights or rows depend on an override; on an unknown key they may."""
    try:
        kind = identity_keys.classify(identity.key_of(override))
    except identity_keys.Unclassified:
        return True
    return kind in (identity_keys.Kind.SCIENCE, identity_keys.Kind.MEASUREMENT)


def require(key: str, value: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    """Returns a value that is known.

    Raises:
      UserError: it is not; names what there is.
    """
    if value not in known:
        raise UserError(f"{key}={value}: there are {', '.join(known)}")
    return value
