"""What each arm of a claim scores by itself: without it an effect has no level."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from research.claims.claim import Claim
from research.claims.estimate import EXACT, estimate
from research.claims.judge import NO_MARGIN
from research.claims.measure import FITTED, POINTS, Measure, only, trained_arms
from research.claims.pool import Pool
from research.report.effects import Scale
from research.report.formats import format_number
from research.report.possible import clip

# Rows of which more is better, 1, or less, −1; others are neither.
BETTER = {"accuracy": 1, "agreement": 1, "mean_iou": 1, "boundary_iou": 1, "r2": 1}
BETTER |= {"loss": -1, "flip_rate": -1, "error": -1}
SMALL = 0.001  # below which a loss is not told more exactly


class Level(NamedTuple):
    """What one arm scores, in the unit of the measure; of `log2` the logarithm.

    Attributes:
      arm: as the claim names it.
      value: mean over the seeds.
      low: where its 95 % interval begins, as far as it is possible; None without one.
      high: where it ends.
      n: how many seeds.
      exact: whether it is a count, the same for every seed.
    """

    arm: str
    value: float
    low: float | None
    high: float | None
    n: int
    exact: bool


def find_measures(claim: Claim) -> list[Measure]:
    """Returns the numbers of single runs that the questions compare, each once."""
    compared = [
        contrast.measure
        for question in claim.questions.values()
        for contrast in question.cases.values()
    ]
    return keep_measures(compared)


def list_measures(claim: Claim) -> list[Measure]:
    """Returns the numbers of single runs that tell how good the arms are, each once.

    Those that the questions compare or set as a condition, the shares that are compared
    beside them, such as the accuracy where a question is about flips, and how well the
    training images are known.
    """
    asked = [
        measure
        for question in claim.questions.values()
        for contrast in question.contrasts
        for measure in (contrast.measure, contrast.minus)
    ]
    beside = [
        measure
        for contrast in claim.details.values()
        for measure in (contrast.measure, contrast.minus)
        if getattr(measure, "unit", "") == POINTS
    ]
    return keep_measures([*asked, *beside, FITTED])


def keep_measures(several: Iterable[object]) -> list[Measure]:
    """Returns the measures that single runs have, each once."""
    found = {repr(one): one for one in several if isinstance(one, Measure)}
    return [*found.values()]


def measure_levels(claim: Claim, pool: Pool, measure: Measure) -> list[Level]:
    """Returns the arms that are compared in a measure, the highest first.

    Args:
      claim: whose arms they are.
      pool: of the runs; arms without rows are left out.
      measure: of each.
    """
    found = []
    for arm in compared_arms(claim, measure):
        alone = only(arm, measure)
        one = estimate(pool, claim, alone, NO_MARGIN)
        if one.differences:
            low, high, how = one.test.interval
            ends = (None, None) if how == EXACT or np.isnan(low) else (low, high)
            exact = measure.exact or how == EXACT
            value, n = one.test.mean, one.test.n
            found.append(Level(arm, value, *clip(alone, *ends), n, exact))
    return sorted(found, key=lambda one: -one.value)


def compared_arms(claim: Claim, measure: Measure) -> list[str]:
    """Returns the arms that are compared in a measure; on training images, all."""
    contrasts = [one for each in claim.questions.values() for one in each.contrasts]
    contrasts += claim.details.values()
    if measure == FITTED:
        return [*dict.fromkeys(arm for one in contrasts for arm in trained_arms(one))]
    comparing = [one for one in contrasts if measure in (one.measure, one.minus)]
    return [*dict.fromkeys(arm for one in comparing for arm in one.arms)]


def prefer(measure: Measure) -> int:
    """Returns 1 where more of a measure is better, −1 where less is, else 0."""
    return int(np.sign(measure.scale)) * BETTER.get(measure.measure, 0)


def format_small(value: float) -> str:
    """Returns a number to three digits, or to four places where these are less."""
    return f"{value:.4f}" if abs(value) < 10 * SMALL else format_number(value)


def format_level(level: Level, measure: Measure) -> str:
    """Returns `93.88 [93.5, 94.2]`, and a count in full."""
    scale = Scale(measure.unit, 2.0 if measure.log2 else 0.0)
    if level.exact:
        return f"{scale.show(level.value):,.0f}"
    if measure.unit == POINTS:
        return scale.format(level.value, level.low, level.high)
    shown = [scale.show(one) for one in (level.value, level.low, level.high)]
    if 0 <= (shown[0] or 0.0) < SMALL:
        return f"< {SMALL}"
    value, *ends = [format_small(one) for one in shown if one is not None]
    return f"{value} [{', '.join(ends)}]" if ends else value
