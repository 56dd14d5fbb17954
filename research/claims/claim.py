"""What a claim declares: whose difference, in what, against which margin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from research.claims.experiments import point


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
      arms: point (see `research.claims.experiments.point`) → weight.
      measure: of each.
    """

    arms: Mapping[str, float]
    measure: Measure


@dataclass(frozen=True)
class Claim:
    """A sentence, and what decides about it.

    Attributes:
      sentence: in the words of the answer.
      contrast: the primary contrast, in words.
      margin: the smallest effect of interest, in the measure's unit.
      levels: level of the factor → contrasts, of which the least counts; one level
        where there is no factor.
      factor: what the levels are of.
      no_worse: the sentence says "no worse than", by the margin.
      details: further contrasts, by what they are.
      figures: names of the figures that show it.
      seeds: how many are wanted.
      note: what a reader of the verdict must know.
    """

    sentence: str
    contrast: str
    margin: float
    levels: Mapping[str, tuple[Contrast, ...]]
    factor: str = ""
    no_worse: bool = False
    details: Mapping[str, Contrast] = field(default_factory=dict)
    figures: tuple[str, ...] = ()
    seeds: int = 5
    note: str = ""

    @property
    def threshold(self) -> float:
        """What the interval must lie above."""
        return -self.margin if self.no_worse else self.margin

    @property
    def arms(self) -> set[str]:
        """All points that it needs."""
        primary = [one for level in self.levels.values() for one in level]
        return {arm for one in [*primary, *self.details.values()] for arm in one.arms}


def less(a: str, b: str, measure: Measure) -> Contrast:
    """Returns the contrast of a less b."""
    return Contrast({a: 1.0, b: -1.0}, measure)


def core(downsample: str, head: str, *more: str, padding: str = "circular") -> str:
    """A network of the common pool on MNIST."""
    return point(
        ["setting=mnist", f"model.padding={padding}", f"model/head={head}"]
        + [f"downsample={downsample}", *more]
    )


def small(downsample: str, head: str, *more: str) -> str:
    """The book's network, trained on few images of MNIST."""
    chosen = [f"downsample={downsample}", f"model/head={head}", *more]
    return point(["setting=small", *chosen])


def cifar(*overrides: str) -> str:
    """A network of the pool on CIFAR-10, ResNet-20 unless another is named."""
    return point(["setting=cifar", *overrides])


HEADS = {"flatten": "flatten", "global pooling": "gap"}

POINTS = {"unit": "percentage points", "scale": 100.0}
ACCURACY = Measure("accuracy", protocol="accuracy", measure="accuracy", **POINTS)
GAP = Measure("training less test accuracy", protocol="fit", measure="gap", **POINTS)
SHIFTED = Measure(
    "agreement of two circular shifts up to 3 px",
    protocol="circular",
    measure="agreement",
    params={"max_shift": 3},
    **POINTS,
)
CROPPED = Measure(
    "agreement of two crops at offsets below 7 px",
    protocol="crop",
    measure="agreement",
    **POINTS,
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
