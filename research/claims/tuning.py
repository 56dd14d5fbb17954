"""Which learning rate an arm is given: tried on a seed that is not used again.

A setting names the rates that each of its arms is tried at, a factor of 3 apart. Each
is trained for half the epochs; the best by validation accuracy after the last of them
is taken, at a tie the middle one, and where the best lies at an edge of the grid, one
more rate beyond that edge is tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from research.ranges import Count, Positive, Seed
from research.runs import identity

RATE = "optim.learning_rate"
FACTOR = 3.0
DIGITS = 6  # of a rate
SCORES = ("accuracy", "pixel_accuracy")  # of the tasks; a run has one of them


@dataclass(frozen=True)
class Tuning:
    """How the arms of a setting are tuned.

    Attributes:
      rates: to begin with, in ascending order.
      seed: of the runs.
      epochs: of each.
      examples: for validation, held out from the training images.
    """

    rates: Sequence[Positive]
    seed: Seed
    epochs: Count
    examples: Count

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Tuning | None:
        """Returns what a config says, nested or flat; None where nothing is tuned."""
        flat = identity.flatten(config)
        if not flat.get("tuning.rates"):
            return None
        names = ("rates", "seed", "epochs", "examples")
        return cls(**{name: flat[f"tuning.{name}"] for name in names})

    def overrides(self, rate: float) -> tuple[str, ...]:
        """Returns what makes a run of an arm one that tries a rate."""
        return (
            f"{RATE}={rate:g}",
            f"train.epochs={self.epochs}",
            f"data.validation_examples={self.examples}",
            "eval=[]",
            f"seed={self.seed}",
        )

    def next_rate(self, tried: Mapping[float, float]) -> float | None:
        """Returns the rate beyond the edge that the best lies at; None: enough tried.

        The edges are those of the setting's rates. Where training failed at an edge,
        nothing is tried beyond it.

        Args:
          tried: rate → validation accuracy.
        """
        best, rates = choose(tried), [*map(round_rate, self.rates)]
        if len(tried) > len(rates) or best is None:
            return None
        if best == max(rates):
            beyond = round_rate(best * FACTOR)
        elif best == min(rates):
            beyond = round_rate(best / FACTOR)
        else:
            return None
        return None if beyond in tried else beyond


def choose(tried: Mapping[float, float]) -> float | None:
    """Returns the best rate; at a tie the one in the middle; None: none was tried.

    Args:
      tried: rate → validation accuracy, of the trainings that did not fail.
    """
    known = {rate: one for rate, one in tried.items() if np.isfinite(one)}
    if not known:
        return None
    best = max(known.values())
    tied = sorted(rate for rate, one in known.items() if one == best)
    return tied[(len(tied) - 1) // 2]


def round_rate(rate: float) -> float:
    """Returns a rate as it is written."""
    return float(f"{rate:.{DIGITS}g}")


def rate_of(config: Mapping[str, Any]) -> float | None:
    """Returns the learning rate of a flat config."""
    rate = config.get(RATE)
    return None if rate is None else round_rate(float(rate))


def drop_rate(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a config, flat, without the learning rate if that is tuned."""
    flat = identity.flatten(config)
    return {k: v for k, v in flat.items() if k != RATE or not flat.get("tuning.rates")}


def read_tried(
    runs: pd.DataFrame, metrics: pd.DataFrame
) -> dict[str, dict[float, float]]:
    """Returns digest of an arm → rate → validation accuracy, of the runs that tried.

    Of label maps that is the share of pixels.

    Args:
      runs: as `read_runs` returns them, with their configs.
      metrics: as `read_metrics` returns them.
    """
    validated = metrics[metrics["split"] == "validation"].sort_values("epoch")
    scores = validated[[name for name in SCORES if name in validated]]
    last = scores.bfill(axis=1).iloc[:, 0].groupby(validated["path"]).last()
    found: dict[str, dict[float, float]] = {}
    for path, config in zip(runs["path"], runs["config"], strict=True):
        rate, tuning = rate_of(config), Tuning.of(config)
        if rate is not None and tuning is not None and tries(config, tuning):
            own = found.setdefault(identity.arm(drop_rate(config)), {})
            own[rate] = float(last.get(path, np.nan))
    return found


def tries(config: Mapping[str, Any], tuning: Tuning) -> bool:
    """Whether a run is one that tries a rate."""
    return (config.get("seed"), config.get("train.epochs")) == (
        tuning.seed,
        tuning.epochs,
    )


def choose_rates(runs: pd.DataFrame, metrics: pd.DataFrame) -> dict[str, float]:
    """Returns digest of an arm, as it is run in earnest → the rate that it is given.

    Args:
      runs: as `read_tried` takes them.
      metrics: likewise.
    """
    tried = read_tried(runs, metrics)
    found: dict[str, float] = {}
    for config in runs["config"]:
        tuning = Tuning.of(config)
        if tuning is None or tries(config, tuning):
            continue
        own = tried.get(digest_trial(config, tuning), {})
        if (best := choose(own)) is not None:
            found[identity.arm(drop_rate(config))] = best
    return found


def digest_trial(config: Mapping[str, Any], tuning: Tuning) -> str:
    """Returns the digest that the runs have which tried rates for an arm.

    Args:
      config: of the arm, flat.
      tuning: of its setting.
    """
    changed = dict(config) | {
        "train.epochs": tuning.epochs,
        "data.validation_examples": tuning.examples,
        "seed": tuning.seed,
    }
    if config.get("data.subset") == config.get("seed"):
        changed["data.subset"] = tuning.seed
    return identity.arm(drop_rate(changed))
