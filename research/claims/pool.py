"""The runs of the experiments, found by what they compute: built once a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, singledispatchmethod
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from research.claims.claim import Claim
from research.claims.crossing import find_crossing
from research.claims.flips import FlipTable
from research.claims.measure import (
    Contrast,
    Crossing,
    Flips,
    Measure,
    Timed,
    trained_arms,
)
from research.claims.setting import Compose, describe_settings
from research.claims.timing import read_times
from research.claims.tuning import choose_rates, drop_rate, rate_of
from research.claims.verdict import Verdict
from research.errors import UserError
from research.runs import identity
from research.stats import NO_INTERVAL, Interval

Seeds = dict[int, "Value"]
Values = Mapping[str, Mapping[int, "Value"]]  # arm → seed → value


class Value(NamedTuple):
    """A measure of one run, and its interval over examples where there is one."""

    value: float
    low: float = np.nan
    high: float = np.nan


class Tables(NamedTuple):
    """What runs left behind, as `research.runs` reads it.

    Attributes:
      runs: of `read_runs`.
      rows: of `read_rows`.
      metrics: of `read_metrics`.
      predictions: returns those of `read_predictions` with `eval=stability`; it is
        called once, if flips are asked for.
      times: of `scripts/benchmark.py pooling`; None where there are none.
    """

    runs: pd.DataFrame
    rows: pd.DataFrame
    metrics: pd.DataFrame
    predictions: Callable[[], pd.DataFrame] = pd.DataFrame
    times: Mapping[str, Any] | None = None


class Pool:
    """Runs, looked up by the arm of a claim and the seed.

    A run belongs to an arm if both configs have one digest, however the overrides are
    written. Where a setting tunes the learning rate, that is no part of the digest: of
    the runs those count that have the rate which tuning chose.

    Args:
      tables: of the runs; those that were not trained here are left out, and rows that
        are not of test examples.
      scale: of the settings: `smoke`, `cpu` or `full`.
      compose: `compose(*overrides)` → the config of an arm, nested or flat.

    Attributes:
      runs: the trained ones, with their digest as `arm`.
      rates: digest of an arm → the learning rate that tuning chose.
      scale: as given.
      verdicts: those that were reached already, by claim; `judge` keeps them here.
    """

    def __init__(self, tables: Tables, *, scale: str, compose: Compose):
        known = select_trained(tables.runs)
        known = known.assign(arm=[digest_arm(one) for one in known["config"]])
        self.rates = choose_rates(known, tables.metrics)
        kept = [
            rate_of(config) == self.rates.get(arm, rate_of(config))
            for arm, config in zip(known["arm"], known["config"], strict=True)
        ]
        # Two spellings of one point are one run: the first by path counts.
        known = known[kept].sort_values("path", kind="stable")
        self.runs = known.drop_duplicates(["arm", "seed"])
        self.scale = scale
        self.verdicts: dict[str, Verdict] = {}
        self._compose = compose
        self._given = tables
        tested = tables.rows[tables.rows["split"] == "test"]
        kinds = tested.groupby(["protocol", "measure"], sort=False)
        self._rows = {kind: group for kind, group in kinds}
        self._digests: dict[tuple[str, ...], str] = {}
        self._tables: dict[str, dict[str, Seeds]] = {}

    def values(self, claim: Claim, contrast: Contrast) -> dict[str, Seeds]:
        """Returns arm → seed → value, of those arms of a contrast that have rows."""
        found = self._find(contrast.measure, claim, contrast)
        if contrast.minus is None:
            return found
        other = self._find(contrast.minus, claim, contrast)
        return {
            arm: {
                seed: Value(one.value - other[arm][seed].value)
                for seed, one in seeds.items()
                if seed in other.get(arm, {})
            }
            for arm, seeds in found.items()
        }

    def resample(self, claim: Claim, contrast: Contrast) -> Interval:
        """Returns the crossed bootstrap's interval; `NO_INTERVAL` where it has none."""
        if not isinstance(contrast.measure, Flips) or len(contrast.arms) != 2:
            return NO_INTERVAL
        digests = {arm: self.digest(claim, arm) for arm in contrast.arms}
        return self._flips.resample(contrast, digests)

    def find_runs(self, claim: Claim, contrast: Contrast) -> dict[str, dict[int, str]]:
        """Returns arm → seed → name of the run, of all arms that a contrast needs."""
        found = {}
        for arm in trained_arms(contrast):
            own = self.runs[self.runs["arm"] == self.digest(claim, arm)]
            found[arm] = dict(zip(map(int, own["seed"]), own["run"], strict=True))
        return found

    def runs_of(self, claim: Claim) -> pd.DataFrame:
        """Returns the runs of a claim's arms."""
        digests = {self.digest(claim, arm) for arm in claim.arms}
        return self.runs[self.runs["arm"].isin(digests)]

    def digest(self, claim: Claim, arm: str) -> str:
        """Returns the digest that the runs of an arm have."""
        overrides = claim.overrides(arm, self.scale)
        if overrides not in self._digests:
            self._digests[overrides] = digest_arm(self._compose(*overrides))
        return self._digests[overrides]

    def count_seeds(self, claim: Claim) -> int:
        """Returns how many seeds of its arms a claim's own setting asks for."""
        config = self._compose(f"setting={self.scale}/{claim.setting}")
        return int(identity.flatten(config).get("seeds") or 0)

    def fingerprint(self, claim: Claim) -> str:
        """Returns the fingerprint of a claim at the scale of these runs."""
        settings = describe_settings(claim.settings, self.scale, self._compose)
        return claim.fingerprint(settings)

    @singledispatchmethod
    def _find(self, measure: Any, claim: Claim, contrast: Contrast) -> dict[str, Seeds]:
        raise TypeError(f"{measure} is no measure")

    @_find.register
    def _(self, measure: Measure, claim: Claim, contrast: Contrast) -> dict[str, Seeds]:
        table = self._table(measure)
        found = {arm: table.get(self.digest(claim, arm), {}) for arm in contrast.arms}
        return {arm: seeds for arm, seeds in found.items() if seeds}

    @_find.register
    def _(self, measure: Flips, claim: Claim, contrast: Contrast) -> dict[str, Seeds]:
        digests = {arm: self.digest(claim, arm) for arm in contrast.arms}
        logs = self._flips.measure(contrast, digests)
        return {
            arm: {seed: Value(one) for seed, one in seeds.items()}
            for arm, seeds in logs.items()
        }

    @_find.register
    def _(
        self, measure: Crossing, claim: Claim, contrast: Contrast
    ) -> dict[str, Seeds]:
        found: dict[str, Seeds] = {}
        for arm in contrast.arms:
            sizes = measure.curves[arm]
            several = Contrast(dict.fromkeys(sizes.values(), 1.0), measure.of)
            values = self._find(measure.of, claim, several)
            curves = {size: values.get(one, {}) for size, one in sizes.items()}
            for seed in set.intersection(*map(set, curves.values())):
                curve = {size: curves[size][seed].value for size in curves}
                if (place := find_crossing(curve, measure.value)) is not None:
                    found.setdefault(arm, {})[seed] = Value(place)
        return found

    @_find.register
    def _(self, measure: Timed, claim: Claim, contrast: Contrast) -> dict[str, Seeds]:
        del claim
        times = read_times(self._given.times, measure, contrast.arms)
        return {
            arm: {repeat: Value(one) for repeat, one in enumerate(several)}
            for arm, several in times.items()
        }

    @cached_property
    def _flips(self) -> FlipTable:
        return FlipTable(self._given.predictions(), self._places)

    @cached_property
    def _places(self) -> dict[str, tuple[str, int]]:
        """Path of a run → its arm's digest and its seed."""
        known = self.runs[["path", "arm", "seed"]].itertuples(index=False)
        return {path: (arm, int(seed)) for path, arm, seed in known}

    def _table(self, measure: Measure) -> dict[str, Seeds]:
        """Returns digest → seed → value."""
        key = repr(measure)
        if key not in self._tables:
            found = self._trained(measure) or self._measured(measure)
            table: dict[str, Seeds] = {}
            for path, value in found.items():
                if path in self._places:
                    arm, seed = self._places[path]
                    table.setdefault(arm, {})[seed] = convert(value, measure)
            self._tables[key] = table
        return self._tables[key]

    def _measured(self, measure: Measure) -> dict[str, Value]:
        rows = self._rows.get((measure.protocol, measure.measure))
        if rows is None:
            return {}
        fits = [contains(given, measure.params) for given in rows["params"]]
        chosen = rows[np.array(fits, bool)]
        if chosen["path"].duplicated().any():
            raise UserError(
                f"{measure.name}: several rows of a run have protocol="
                f"{measure.protocol} measure={measure.measure} and "
                f"{dict(measure.params) or 'any params'}; give the measure params that "
                "only one has, in the claim's file"
            )
        return {
            row.path: Value(row.value, row.low, row.high)
            for row in chosen.itertuples(index=False)
        }

    def _trained(self, measure: Measure) -> dict[str, Value]:
        metrics = self._given.metrics
        if measure.protocol != "training" or measure.measure not in metrics:
            return {}
        rows = metrics[metrics["split"] == "train"]
        best = rows.groupby("path")[measure.measure].max()
        return {path: Value(value) for path, value in best.items()}


def gather(tables: Tables, *, compose: Compose) -> Pool:
    """Returns the pool of the runs of one scale.

    Args:
      tables: of the runs.
      compose: `compose(*overrides)` → the config of an arm, nested or flat; of many
        arms `research.config.compose_flat` is the quick one.

    Raises:
      UserError: none of the runs has a setting, or they are of several scales.
    """
    known = select_trained(tables.runs)
    settings = known["setting"].dropna() if "setting" in known else []
    scales = {str(one).partition("/")[0] for one in settings} - {"None"}
    if len(scales) != 1:
        raise UserError(
            f"verdicts need runs of experiments at one scale, and found "
            f"{', '.join(sorted(scales)) or 'none'}; make them with "
            "scripts/train.py experiment=c1,c2 scale=cpu, or choose a folder by runs=…"
        )
    return Pool(tables, scale=scales.pop(), compose=compose)


def select_trained(runs: pd.DataFrame) -> pd.DataFrame:
    """Returns the runs that were trained here: their overrides are on record."""
    return runs[runs["overrides"].notna()]


def digest_arm(config: Mapping[str, Any]) -> str:
    """Returns the digest of an arm, without a learning rate that is tuned."""
    return identity.arm(drop_rate(config))


def contains(given: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a row has these parameters, among others."""
    return all(given.get(name) == value for name, value in wanted.items())


def convert(value: Value, measure: Measure) -> Value:
    """Returns a value and its interval in the unit of the measure."""
    ends = [np.log2(end) if measure.log2 else end for end in value]
    middle, low, high = (end * measure.scale + measure.offset for end in ends)
    return Value(middle, *((low, high) if measure.scale > 0 else (high, low)))
