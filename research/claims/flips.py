"""Flips of the runs, counted on the images that all arms of a contrast have right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from research.claims.measure import Contrast
from research.errors import UserError
from research.stats import (
    NO_INTERVAL,
    Interval,
    count_matched_flips,
    log_flip_rate,
    percentile_interval,
    resample_crossed,
    right_in_all,
)
from research.stats.crossed import HOW

FEWEST = 8  # seeds from which on the bootstrap over them is a check
KEPT = ("flips", "predictions", "labels")  # arrays beside the row of `eval=stability`


class FlipTable:
    """What `eval=stability` kept of each run: flips, predictions and labels by image.

    Args:
      predictions: as `read_predictions` returns them.
      places: path of a run → its arm's digest and its seed.
    """

    def __init__(
        self, predictions: pd.DataFrame, places: Mapping[str, tuple[str, int]]
    ):
        self._kept: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}
        if predictions.empty:
            return
        wanted = predictions[
            (predictions["protocol"] == "stability")
            & (predictions["split"] == "test")
            & predictions["name"].isin(KEPT)
        ]
        for one in wanted.itertuples(index=False):
            if one.path not in places:
                continue
            arm, seed = places[one.path]
            of_arm = self._kept.setdefault((arm, one.params["shift"]), {})
            of_run = of_arm.setdefault(seed, {"draws": one.params["draws"]})
            of_run[one.name] = one.array

    def measure(
        self, contrast: Contrast, digests: Mapping[str, str]
    ) -> dict[str, dict[int, float]]:
        """Returns arm → seed → ℓ, on the images that all these arms have right.

        Args:
          contrast: of arms, whose measure says which shifts.
          digests: arm → digest of its runs.

        Returns:
          Of the arms that have runs; ℓ is NaN of seeds that another arm lacks.
        """
        runs, seeds = self._shared(contrast, digests)
        found = {arm: dict.fromkeys(own, np.nan) for arm, own in runs.items() if own}
        if not seeds:
            return found
        first = next(iter(runs.values()))[seeds[0]]
        kept = {
            name: np.stack(
                [[own[seed][name] for seed in seeds] for own in runs.values()]
            )
            for name in ("flips", "predictions")
        }
        counted = count_matched_flips(
            kept["flips"].sum(-1, dtype=np.int64),
            kept["predictions"],
            first["labels"],
            first["draws"] * first["flips"].shape[1],
        )
        logs = log_flip_rate(counted.flips, counted.pairs)
        for arm, own in zip(runs, logs, strict=True):
            found[arm] |= dict(zip(seeds, own.tolist(), strict=True))
        return found

    def resample(self, contrast: Contrast, digests: Mapping[str, str]) -> Interval:
        """Returns the crossed bootstrap's interval of the log ratio of pooled rates."""
        runs, seeds = self._shared(contrast, digests)
        if len(seeds) < FEWEST:
            return NO_INTERVAL
        first, second = runs.values()
        kept = np.stack(
            [
                right_in_all(
                    np.stack([first[seed]["predictions"], second[seed]["predictions"]]),
                    first[seed]["labels"],
                )
                for seed in seeds
            ]
        )
        flips = [
            np.stack([own[seed]["flips"].sum(1) for seed in seeds]) * kept
            for own in (first, second)
        ]
        weights = [*contrast.arms.values()]

        def ratio(
            w: Int[np.ndarray, "draws seeds"], v: Int[np.ndarray, "draws examples"]
        ) -> Float[np.ndarray, " draws"]:
            sums = [np.einsum("rs,se,re->r", w, own, v, optimize=True) for own in flips]
            logs = [np.log(one + 0.5) for one in sums]
            return weights[0] * logs[0] + weights[1] * logs[1]

        draws = resample_crossed(ratio, *kept.shape)
        return percentile_interval(draws + contrast.base, how=HOW)

    def _shared(
        self, contrast: Contrast, digests: Mapping[str, str]
    ) -> tuple[dict[str, dict[int, Any]], list[int]]:
        """Returns the runs of each arm by seed, and the seeds that all arms have."""
        shift = getattr(contrast.measure, "shift", "")
        runs: dict[str, dict[int, Any]] = {
            arm: {**self._kept.get((digests[arm], shift), {})} for arm in contrast.arms
        }
        seeds = sorted(set.intersection(*map(set, runs.values())))
        sizes = {len(own[seed]["labels"]) for own in runs.values() for seed in seeds}
        if len(sizes) > 1:
            raise UserError(
                f"flips of {' and '.join(contrast.arms)}: measured on "
                f"{' and '.join(map(str, sorted(sizes)))} images; measure all arms on "
                "equally many (data.test_examples, eval.stability.examples)"
            )
        return runs, seeds
