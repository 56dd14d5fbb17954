"""C8: is it forgotten where things are? Probes for an object's place.

`python scripts/train.py experiment=c8 scale=cpu`: on 2 cores an estimated 25 min a
seed, 14 of them in C3's.
Supported: a probe for an object's place on the last map has an R² at least .05 lower
with max pooling than without downsampling and than with bare decimation, under both
heads.
"""

from research.claims.arms import HEADS, core, cross, name
from research.claims.claim import NO_OTHER_REASON, Claim
from research.claims.measure import Measure, less, proportion

LAST = 4  # of the five stages: convolution, downsampler, twice, and a convolution
PLACE = Measure(
    "R² of an object's place, read from the last map",
    "R²",
    "location",
    "r2",
    {"index": LAST, "weights": "trained", "objects": 1},
)
STAGE = proportion(
    "agreement, the second downsampler's map scrambled in blocks of 4 px",
    "stage",
    "agreement",
    index=3,
    pixels=[4, 4],
)
BOTH = ["flatten", "gap"]

CLAIM = Claim(
    sentence="Repeated pooling jumbles where the information comes from; we do not "
    "care where the maximum came from.",
    setting="mnist",
    arms=cross(core, ["max", "decimate", "none"], BOTH)
    | cross(core, ["average", "strided", "max_blur", "aps"], BOTH),
    comparison="R² of a ridge probe for an object's place on the last map: without "
    "downsampling, or with bare decimation, whichever is less, less with two max "
    "poolings; 256 random features of each map",
    contrasts={
        level: tuple(
            less(name(other, head), name("max", head), PLACE)
            for other in ("none", "decimate")
        )
        for level, head in HEADS.items()
    },
    margin=0.05,
    reason_for_margin=NO_OTHER_REASON,
    factor="head",
    details={
        f"{measure.name}, {other} less max, {level}": less(
            name(other, head), name("max", head), measure
        )
        for measure in (PLACE, STAGE)
        for level, head in HEADS.items()
        for other in ("none", "decimate", "average", "strided", "max_blur", "aps")
        if (measure, other, head) != (STAGE, "none", "gap")
    },
    note="A probe reads what is there; it does not say that the network uses it.",
)
