"""B5: the plane of reduce, lowpass and sample: main effects and interactions.

`python scripts/train.py experiment=b5 scale=cpu`: on 2 cores an estimated 3 h for ten
seeds.
Which of the three choices decides? The main effect of the sampling phase on the log of
the flips, over 3 reduces × 2 low passes × 2 samplers; on images that all twelve have
right. Margin: a tenth more or fewer flips. Not of the corrected family.
"""

from collections.abc import Mapping
from math import prod

from research.claims.arms import pool
from research.claims.c3 import MARGIN, REASON
from research.claims.claim import Claim
from research.claims.measure import ACCURACY, MOVED, Contrast, Flips, Measure
from research.claims.question import Question

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

    Args:
      measure: of the cells.
      **signs: of `reduce`, `lowpass`, `sample`. For one factor this is the mean at +
        less that at −; for two the difference of such differences.
    """
    weights = {}
    for reduce, lowpass, sample in PLANE:
        levels: dict[str, str | int] = {"reduce": reduce}
        levels |= {"lowpass": lowpass, "sample": sample}
        if weight := prod(own.get(levels[name], 0) for name, own in signs.items()):
            weights[cell(reduce, lowpass, sample)] = weight
    positive = sum(weight > 0 for weight in weights.values())
    scale = 2 ** (len(signs) - 1) / positive
    return Contrast({arm: w * scale for arm, w in weights.items()}, measure)


TWO: Signs = {1: 1, 0: -1}
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
            asks="log of the flips with the first phase over those with the phase of "
            "highest energy: the main effect of the phase",
            cases={"": effect(MOVED, sample={0: 1, 1: -1})},
            margin=MARGIN,
            reason=REASON,
        )
    },
    details={
        f"{measure.name}, {name}": effect(measure, **signs)
        for measure in (MOVED, ACCURACY)
        for name, signs in EFFECTS.items()
    },
    limits="Global pooling; one small network on made scenes.",
)
