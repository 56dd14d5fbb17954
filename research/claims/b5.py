"""B5: which of reduce, low pass and sample decides? Main effects and interactions.

`python scripts/train.py experiment=b5 scale=cpu`: on 2 cores an estimated 4 h for ten
seeds.
Over 3 reduces × 2 low passes × 2 samplers, on images that all twelve have right: by how
much does each choice reduce the flips? The sampling decides if it reduces them by more
than the low pass, than the maximum and than averaging do. Margin: a tenth. Not of the
corrected family.
Registered anew before the eight networks that are no other claim's were trained: the
first question was whether the sampling phase matters by itself, which does not say that
it decides. Of four of the twelve, those of C3, B1 and B2, the flips had been seen then:
behind max pooling the low pass had reduced them more than an adaptive phase, and max
pooling itself had, too.
"""

from collections.abc import Mapping
from math import prod

from research.claims.arms import pool
from research.claims.c3 import MARGIN, REASON
from research.claims.claim import Claim
from research.claims.measure import ACCURACY, MOVED, Contrast, Flips, Measure
from research.claims.question import Question
from research.claims.rule import MOST

FILTERED, PHASED = "downsample/lowpass=binomial", "downsample/sample=energy"
PLANE = {  # (reduce, lowpass, sample) → arm; where there is a preset, by its name
    ("identity", 0, 0): pool("decimate", "gap"),
    ("identity", 1, 0): pool("blur", "gap"),
    ("identity", 0, 1): pool("aps", "gap"),
    ("identity", 1, 1): pool("blur_aps", "gap"),
    ("max", 0, 0): pool("max", "gap"),
    ("max", 1, 0): pool("max_blur", "gap"),
    ("max", 0, 1): pool("max_aps", "gap"),
    ("max", 1, 1): pool("max_aps", "gap", FILTERED),
    ("average", 0, 0): pool("average", "gap"),
    ("average", 1, 0): pool("average", "gap", FILTERED),
    ("average", 0, 1): pool("average", "gap", PHASED),
    ("average", 1, 1): pool("average", "gap", FILTERED, PHASED),
}

Signs = Mapping[str | int, int]  # level of a factor → +1, −1; 0 or absent: left out


def cell(reduce: str, lowpass: int, sample: int) -> str:
    """Names an arm by its place: `max, binomial, highest energy`."""
    filtered = ("no low pass", "binomial")[lowpass]
    return f"{reduce}, {filtered}, {('first phase', 'highest energy')[sample]}"


def effect(measure: Measure | Flips, **signs: Signs) -> Contrast:
    """A coefficient of the linear model over the plane, which is balanced.

    Cells that it leaves out have the weight 0: flips are counted on the images that all
    of them have right, the same for every effect.

    Args:
      measure: of the cells.
      **signs: of `reduce`, `lowpass`, `sample`. For one factor this is the mean at +
        less that at −; for two the difference of such differences.
    """
    weights = {}
    for reduce, lowpass, sample in PLANE:
        levels: dict[str, str | int] = {"reduce": reduce}
        levels |= {"lowpass": lowpass, "sample": sample}
        weight = prod(own.get(levels[name], 0) for name, own in signs.items())
        weights[cell(reduce, lowpass, sample)] = weight
    positive = sum(weight > 0 for weight in weights.values())
    scale = 2 ** (len(signs) - 1) / positive
    return Contrast({arm: w * scale for arm, w in weights.items()}, measure)


def subtract(one: Contrast, other: Contrast) -> Contrast:
    """Returns one effect less another of the same measure."""
    weights = {arm: w - other.arms[arm] for arm, w in one.arms.items()}
    return Contrast(weights, one.measure)


TWO: Signs = {1: 1, 0: -1}
FEWER: Signs = {0: 1, 1: -1}
CHOICES = {  # by how much each of the others reduces the flips
    "than a low pass": effect(MOVED, lowpass=FEWER),
    "than the maximum": effect(MOVED, reduce={"identity": 1, "max": -1}),
    "than averaging": effect(MOVED, reduce={"identity": 1, "average": -1}),
}
EFFECTS: dict[str, dict[str, Signs]] = {
    "sample: energy less first": {"sample": TWO},
    "lowpass: binomial less none": {"lowpass": TWO},
    "reduce: max less identity": {"reduce": {"max": 1, "identity": -1}},
    "reduce: average less identity": {"reduce": {"average": 1, "identity": -1}},
    "reduce: max less average": {"reduce": {"max": 1, "average": -1}},
    "lowpass × sample": {"lowpass": TWO, "sample": TWO},
    "max × lowpass": {"reduce": {"max": 1, "identity": -1}, "lowpass": TWO},
    "average × lowpass": {"reduce": {"average": 1, "identity": -1}, "lowpass": TWO},
    "max × sample": {"reduce": {"max": 1, "identity": -1}, "sample": TWO},
    "average × sample": {"reduce": {"average": 1, "identity": -1}, "sample": TWO},
}

CLAIM = Claim(
    sentence="Of the three choices it is the sampling that decides over stability "
    "under shifts.",
    design="3 reduces × 2 low passes × 2 samplers in one network with global pooling; "
    "flips where the window moves, on images that all twelve have right.",
    setting="scenes_gap",
    arms={cell(*place): overrides for place, overrides in PLANE.items()},
    questions={
        "": Question(
            asks="log of the flips that another choice leaves over those that the "
            "phase of highest energy leaves, each against doing without it",
            cases={
                name: subtract(effect(MOVED, sample=FEWER), other)
                for name, other in CHOICES.items()
            },
            margin=MARGIN,
            reason=REASON,
            rule=MOST,
        )
    },
    details={
        f"{measure.name}, {name}": effect(measure, **signs)
        for measure in (MOVED, ACCURACY)
        for name, signs in EFFECTS.items()
    },
    limits="Global pooling; one small network on made scenes. Reduce and low pass "
    "widen the field, from 15 pixels to 24, and the low pass darkens borders that are "
    "padded with zeros. How all three act together is left out.",
)
