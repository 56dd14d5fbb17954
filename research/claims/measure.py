"""What is compared: numbers that every run of an arm has, and weighted sums of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Measure:
    """A number of each run.

    Attributes:
      name: in words.
      unit: of its differences.
      protocol: of the evaluation row; `training` for the rows of training, of which the
        best epoch counts.
      measure: of the row.
      params: some parameters of the row, which tell it from the others.
      scale: the value is multiplied by this, 100 for percentage points.
      offset: added then.
      log2: its logarithm to base 2 is taken first: differences are doublings.
      exact: a count, the same for every seed: it needs no interval.
    """

    name: str
    unit: str
    protocol: str
    measure: str
    params: Mapping[str, Any] = field(default_factory=dict)
    scale: float = 1.0
    offset: float = 0.0
    log2: bool = False
    exact: bool = False


@dataclass(frozen=True)
class Contrast:
    """A weighted sum over arms, seed by seed: max less none is {max: 1, none: −1}.

    Attributes:
      arms: name of an arm of the claim → weight.
      measure: of each.
    """

    arms: Mapping[str, float]
    measure: Measure


def less(a: str, b: str, measure: Measure) -> Contrast:
    """Returns the contrast of arm a less arm b."""
    return Contrast({a: 1.0, b: -1.0}, measure)


POINTS = "percentage points"


def proportion(name: str, protocol: str, measure: str, **params: Any) -> Measure:
    """Returns the measure of a proportion, in percentage points; see `Measure`."""
    return Measure(name, POINTS, protocol, measure, params, scale=100.0)


ACCURACY = proportion("accuracy", "accuracy", "accuracy")
GAP = proportion("training less test accuracy", "fit", "gap")
SHIFTED = proportion(
    "agreement of two circular shifts up to 3 px", "circular", "agreement", max_shift=3
)
CROPPED = proportion(
    "agreement of two crops at offsets below 7 px", "crop", "agreement"
)
PARAMETERS = Measure(
    "parameters",
    "doublings",
    "cost",
    "parameters",
    {"part": "network"},
    log2=True,
    exact=True,
)
SPEED = Measure(
    "training images a second",
    "doublings",
    "training",
    "examples_per_second",
    log2=True,
)
LOSS = Measure("training loss", "nats", "fit", "loss", {"on": "train"})
