"""The runs of the experiments, found by what they compute: built once a report."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from research.claims.claim import Claim
from research.claims.measure import Measure
from research.claims.setting import Compose, describe_settings
from research.claims.verdict import Verdict
from research.errors import UserError
from research.runs import identity

Seeds = dict[int, "Value"]


class Value(NamedTuple):
    """A measure of one run, and its interval over examples where there is one."""

    value: float
    low: float
    high: float


class Pool:
    """Runs, looked up by the arm of a claim and the seed.

    A run belongs to an arm if both configs have one digest (`identity.arm`), however
    the overrides are written.

    Args:
      runs: as `read_runs` returns them; those that were not trained here are left out.
      rows: as `read_rows` returns them; verdicts are of test examples, and those of
        another split are left out.
      metrics: as `read_metrics` returns them.
      scale: of the settings: `smoke`, `cpu` or `full`.
      compose: `compose(*overrides)` → the config of an arm, nested or flat.

    Attributes:
      runs: the trained ones, with their digest as `arm`.
      scale: as given.
      verdicts: those that were reached already, by claim; `judge` keeps them here.
    """

    def __init__(
        self,
        runs: pd.DataFrame,
        rows: pd.DataFrame,
        metrics: pd.DataFrame,
        *,
        scale: str,
        compose: Compose,
    ):
        known = select_trained(runs)
        known = known.assign(arm=[identity.arm(one) for one in known["config"]])
        # Two spellings of one point are one run: the first by path counts.
        known = known.sort_values("path", kind="stable")
        self.runs = known.drop_duplicates(["arm", "seed"])
        self.scale = scale
        self.verdicts: dict[str, Verdict] = {}
        self._compose = compose
        self._metrics = metrics
        tested = rows[rows["split"] == "test"]
        kinds = tested.groupby(["protocol", "measure"], sort=False)
        self._rows = {kind: group for kind, group in kinds}
        self._digests: dict[tuple[str, ...], str] = {}
        self._tables: dict[str, dict[str, Seeds]] = {}

    def values(self, claim: Claim, measure: Measure) -> dict[str, Seeds]:
        """Returns arm → seed → value, of those arms of a claim that have rows."""
        table = self._table(measure)
        found = {arm: table.get(self.digest(claim, arm), {}) for arm in claim.arms}
        return {arm: seeds for arm, seeds in found.items() if seeds}

    def runs_of(self, claim: Claim) -> pd.DataFrame:
        """Returns the runs of a claim's arms."""
        digests = {self.digest(claim, arm) for arm in claim.arms}
        return self.runs[self.runs["arm"].isin(digests)]

    def digest(self, claim: Claim, arm: str) -> str:
        """Returns the digest that the runs of an arm have."""
        overrides = claim.overrides(arm, self.scale)
        if overrides not in self._digests:
            self._digests[overrides] = identity.arm(self._compose(*overrides))
        return self._digests[overrides]

    def fingerprint(self, claim: Claim) -> str:
        """Returns the fingerprint of a claim at the scale of these runs."""
        settings = describe_settings(claim.settings, self.scale, self._compose)
        return claim.fingerprint(settings)

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
        return {
            row.path: Value(row.value, row.low, row.high)
            for row in chosen.itertuples(index=False)
        }

    def _trained(self, measure: Measure) -> dict[str, Value]:
        if measure.protocol != "training" or measure.measure not in self._metrics:
            return {}
        rows = self._metrics[self._metrics["split"] == "train"]
        best = rows.groupby("path")[measure.measure].max()
        return {path: Value(value, np.nan, np.nan) for path, value in best.items()}


def gather(
    runs: pd.DataFrame, rows: pd.DataFrame, metrics: pd.DataFrame, *, compose: Compose
) -> Pool:
    """Returns the pool of the runs of one scale.

    Args:
      runs: as `read_runs` returns them.
      rows: as `read_rows` returns them.
      metrics: as `read_metrics` returns them.
      compose: `compose(*overrides)` → the config of an arm, nested or flat; of many
        arms `research.config.compose_flat` is the quick one.

    Raises:
      UserError: none of the runs has a setting, or they are of several scales.
    """
    known = select_trained(runs)
    settings = known["setting"].dropna() if "setting" in known else []
    scales = {str(one).partition("/")[0] for one in settings} - {"None"}
    if len(scales) != 1:
        raise UserError(
            f"verdicts need runs of experiments at one scale, and found "
            f"{', '.join(sorted(scales)) or 'none'}; make them with "
            "scripts/train.py experiment=c1,c2 scale=cpu, or choose a folder by runs=…"
        )
    return Pool(runs, rows, metrics, scale=scales.pop(), compose=compose)


def select_trained(runs: pd.DataFrame) -> pd.DataFrame:
    """Returns the runs that were trained here: their overrides are on record."""
    return runs[runs["overrides"].notna()]


def contains(given: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a row has these parameters, among others."""
    return all(given.get(name) == value for name, value in wanted.items())


def convert(value: Value, measure: Measure) -> Value:
    """Returns a value and its interval in the unit of the measure."""
    ends = [np.log2(end) if measure.log2 else end for end in value]
    middle, low, high = (end * measure.scale + measure.offset for end in ends)
    return Value(middle, *((low, high) if measure.scale > 0 else (high, low)))
