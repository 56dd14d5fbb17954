"""From rows to the effect of a contrast and its interval, seed by seed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from research.claims.claim import Contrast, Measure
from research.claims.experiments import point
from research.stats import NO_INTERVAL, Interval, paired_difference

EXACT = "exact count"
DIGITS = 9  # after the point: rounding is no spread
WIDE = 1.959964  # standard deviations from the mean to an end of a 95 % interval


class Value(NamedTuple):
    """A measure of one run, and its interval over examples where there is one."""

    value: float
    low: float
    high: float


class Estimate(NamedTuple):
    """Of a contrast.

    Attributes:
      effect: mean over seeds; NaN where there are none.
      interval: 95 %, `NO_INTERVAL` where the data cannot say.
      p: two-sided, of an effect of `null`; None without an interval.
      seeds: that all arms have.
      missing: points that have no row at all.
    """

    effect: float
    interval: Interval
    p: float | None
    seeds: int
    missing: tuple[str, ...]


class Pool:
    """The runs of the experiments, looked up by point and seed.

    Args:
      runs: as `read_runs` returns them; those without overrides are left out.
      rows: as `read_rows` returns them; verdicts are of test examples, and those of
        another split are left out.
      metrics: as `read_metrics` returns them.
    """

    def __init__(self, runs: pd.DataFrame, rows: pd.DataFrame, metrics: pd.DataFrame):
        named = [isinstance(one, list) for one in runs["overrides"]]
        self.runs = runs[named].assign(
            point=[point(one) for one in runs["overrides"][named]]
        )
        self.metrics = metrics
        tested = rows[rows["split"] == "test"]
        kinds = tested.groupby(["protocol", "measure"], sort=False)
        self._rows = {kind: group for kind, group in kinds}
        self._known: dict[str, dict[str, dict[int, Value]]] = {}

    @cached_property
    def places(self) -> dict[str, tuple[str, int]]:
        """Path of a run → its point and seed."""
        known = self.runs[["path", "point", "seed"]].itertuples(index=False)
        return {path: (name, int(seed)) for path, name, seed in known}

    def values(self, measure: Measure) -> dict[str, dict[int, Value]]:
        """Returns point → seed → value."""
        key = repr(measure)
        if key not in self._known:
            found = self._trained(measure) or self._measured(measure)
            table: dict[str, dict[int, Value]] = {}
            for path, value in found.items():
                if path in self.places:
                    name, seed = self.places[path]
                    table.setdefault(name, {})[seed] = scaled(value, measure)
            self._known[key] = table
        return self._known[key]

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
        if measure.protocol != "training" or measure.measure not in self.metrics:
            return {}
        rows = self.metrics[self.metrics["split"] == "train"]
        best = rows.groupby("path")[measure.measure].max()
        return {path: Value(value, np.nan, np.nan) for path, value in best.items()}

    def estimate(self, contrast: Contrast, null: float = 0.0) -> Estimate:
        """Returns the effect of a contrast over the seeds that all its arms have.

        The interval is Student's over seeds. Where the seeds agree to the last digit,
        as a network that is always right does, it is made from the arms' intervals over
        examples, added up as if these were independent.

        Args:
          contrast: of points.
          null: the effect that p is of.
        """
        table = self.values(contrast.measure)
        found = {arm: table.get(arm, {}) for arm in contrast.arms}
        missing = tuple(arm for arm, seeds in found.items() if not seeds)
        seeds = sorted(set.intersection(*map(set, found.values())))
        effects = {
            seed: round(
                sum(w * found[arm][seed].value for arm, w in contrast.arms.items()),
                DIGITS,
            )
            for seed in seeds
        }
        if not seeds:
            return Estimate(np.nan, NO_INTERVAL, None, 0, missing)
        if contrast.measure.exact:
            mean = float(np.mean(list(effects.values())))
            interval = Interval(mean, mean, EXACT)
            return Estimate(mean, interval, float(mean == null), len(seeds), missing)
        tested = paired_difference(effects, dict.fromkeys(seeds, null))
        effect, (low, high, how) = tested.mean + null, tested.interval
        kind = "paired " if len(contrast.arms) > 1 else ""
        if how:
            interval = Interval(low + null, high + null, kind + how)
            return Estimate(effect, interval, tested.p, tested.n, missing)
        interval, p = over_examples(contrast, found, seeds, effect, null)
        return Estimate(effect, interval, p, tested.n, missing)


def over_examples(
    contrast: Contrast,
    found: Mapping[str, Mapping[int, Value]],
    seeds: list[int],
    effect: float,
    null: float,
) -> tuple[Interval, float | None]:
    """Returns the interval over examples of an effect that several seeds share."""
    if len(seeds) < 2:
        return NO_INTERVAL, None
    down = up = 0.0
    for arm, weight in contrast.arms.items():
        values = [found[arm][seed] for seed in seeds]
        reach = [
            np.mean([one.value - one.low for one in values]),
            np.mean([one.high - one.value for one in values]),
        ]
        below, above = reach if weight > 0 else reach[::-1]
        down, up = down + (weight * below) ** 2, up + (weight * above) ** 2
    if not np.isfinite(down + up):
        return NO_INTERVAL, None
    interval = Interval(
        effect - down**0.5, effect + up**0.5, "over examples, seeds being equal"
    )
    from scipy.special import ndtr

    reach = (down if effect > null else up) ** 0.5 / WIDE
    z = abs(effect - null) / reach if reach else np.inf
    return interval, float(2 * ndtr(-z)) if effect != null else 1.0


def contains(given: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a row has these parameters, among others."""
    return all(given.get(name) == value for name, value in wanted.items())


def scaled(value: Value, measure: Measure) -> Value:
    """Returns a value and its interval in the unit of the measure."""
    ends = [np.log2(end) if measure.log2 else end for end in value]
    middle, low, high = (end * measure.scale + measure.offset for end in ends)
    return Value(middle, *((low, high) if measure.scale > 0 else (high, low)))
