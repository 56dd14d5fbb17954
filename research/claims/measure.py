"""What is compared: numbers that every run of an arm has, and weighted sums of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

POINTS = "percentage points"
LOG_RATIO = "log ratio"


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
class Flips:
    """How often shifts change the answer, on the images that all arms have right.

    Of each arm and seed the value is ℓ = log((k + ½)/(n + 1)) of its k flips among n
    pairs of views (`research.stats.log_flip_rate`). So it belongs to a contrast: other
    arms, other images.

    Attributes:
      name: in words.
      shift: of the rows of `eval=stability`: `window`, `circular` or `zero`.
      unit: of its differences.
    """

    name: str
    shift: str
    unit: str = LOG_RATIO
    exact: bool = False


@dataclass(frozen=True)
class Crossing:
    """How many training images an arm needs to reach a value, in doublings.

    The base-2 logarithm of the number at which a curve first crosses the value, linear
    in that logarithm between the numbers tried. A seed whose curve does not reach it
    has no value.

    Attributes:
      name: in words.
      curves: arm → number of images → the arm that is trained on so many.
      of: what must reach the value.
      value: in the unit of that measure.
      unit: of differences.
    """

    name: str
    curves: Mapping[str, Mapping[int, str]]
    of: Measure
    value: float
    unit: str = "doublings of images"
    exact: bool = False


@dataclass(frozen=True)
class Contrast:
    """A weighted sum over arms, seed by seed: max less none is {max: 1, none: −1}.

    Attributes:
      arms: name of an arm of the claim → weight.
      measure: of each.
      base: added to the sum: −95 makes an accuracy what it has above 95.
      minus: another measure, which is taken from that of each arm.
    """

    arms: Mapping[str, float]
    measure: Measure | Flips | Timed | Crossing
    base: float = 0.0
    minus: Measure | None = None


def less(a: str, b: str, measure: Measure | Flips | Timed | Crossing) -> Contrast:
    """Returns the contrast of arm a less arm b."""
    return Contrast({a: 1.0, b: -1.0}, measure)


def between(arm: str, measure: Measure, minus: Measure) -> Contrast:
    """Returns what one arm has more of one measure than of another."""
    return Contrast({arm: 1.0}, measure, minus=minus)


def only(arm: str, measure: Measure, *, above: float = 0.0) -> Contrast:
    """Returns what one arm has above a value."""
    return Contrast({arm: 1.0}, measure, -above)


def proportion(name: str, protocol: str, measure: str, **params: Any) -> Measure:
    """Returns the measure of a proportion, in percentage points; see `Measure`."""
    return Measure(name, POINTS, protocol, measure, params, scale=100.0)


def count(name: str, measure: str, part: str) -> Measure:
    """Returns the measure of a count of `eval=cost`, in doublings; see `Measure`."""
    return Measure(
        name, "doublings", "cost", measure, {"part": part}, log2=True, exact=True
    )


ACCURACY = proportion("accuracy", "accuracy", "accuracy")
FITTED = proportion("accuracy on training images", "fit", "accuracy", on="train")
TRAINING_LOSS = Measure("training loss", "nats", "fit", "loss", {"on": "train"})
TEST_LOSS = Measure("test loss", "nats", "fit", "loss", {"on": "split"})
MOVED = Flips("flips where the window moves by up to 4 px", "window")
WRAPPED = replace(
    MOVED, name="flips under circular shifts up to 4 px", shift="circular"
)
FILLED = replace(MOVED, name="flips under zero-filled shifts up to 4 px", shift="zero")
STEADY = proportion(
    "agreement where the window moves by up to 4 px", "stability", "flip_rate"
)
STEADY = replace(
    STEADY, params={"shift": "window", "max_shift": 4}, scale=-100.0, offset=100.0
)
PARAMETERS = count("parameters", "parameters", "network")
READOUT = count("parameters of the readout", "parameters", "readout")
SPEED = Measure(
    "training images a second",
    "doublings",
    "training",
    "examples_per_second",
    log2=True,
)
TIMES = "doublings of time"


@dataclass(frozen=True)
class Timed:
    """The time of an operator by itself, from `scripts/benchmark.py pooling`.

    An arm is an operator, such as `max`; its repeats stand in for seeds: those of all
    operators are interleaved, so that the machine's other work meets each of them.

    Attributes:
      implementation: such as `ours`.
      window: k of k×k.
      size: rows and columns of the maps.
      unit: of its differences.
    """

    implementation: str
    window: int
    size: int
    unit: str = TIMES
    exact: bool = False

    @property
    def name(self) -> str:
        """In words."""
        kind = f"{self.implementation}, {self.window}×{self.window}"
        return f"time forward and backward, {kind} on {self.size}×{self.size}"


def trained_arms(contrast: Contrast) -> list[str]:
    """Returns the arms of a claim whose runs a contrast needs."""
    if isinstance(contrast.measure, Timed):
        return []
    if isinstance(contrast.measure, Crossing):
        curves = contrast.measure.curves
        return [arm for one in contrast.arms for arm in curves[one].values()]
    return [*contrast.arms]
