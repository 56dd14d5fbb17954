"""B3: does training on shifts make the architecture irrelevant?

`python scripts/train.py experiment=b3 scale=cpu`: on 2 cores an estimated 16 min a
seed.
Supported: trained on shifts, bare decimation agrees with itself no more than a point
less often than aps, under both heads.
"""

from research.claims.arms import HEADS, core, cross, name
from research.claims.claim import NO_OTHER_REASON, Claim
from research.claims.measure import ACCURACY, SHIFTED, less

MOVED = ("augment=circular", "augment.shift=3")
TRAINED = "trained on shifts"
BOTH = ["flatten", "gap"]

CLAIM = Claim(
    sentence="Training on shifted images makes the architecture irrelevant.",
    setting="mnist",
    arms=cross(core, ["decimate", "aps"], BOTH, *MOVED, words=[TRAINED])
    | cross(core, ["max", "max_blur"], BOTH, *MOVED, words=[TRAINED])
    | cross(core, ["decimate", "aps", "max", "max_blur"], BOTH),
    comparison="agreement of two circular shifts up to 3 px on MNIST, bare decimation "
    "less aps, both trained on such shifts: no worse by the margin",
    contrasts={
        level: (
            less(name("decimate", head, TRAINED), name("aps", head, TRAINED), SHIFTED),
        )
        for level, head in HEADS.items()
    },
    margin=1.0,
    reason_for_margin=NO_OTHER_REASON,
    factor="head",
    no_worse=True,
    details={
        f"{measure.name}, {other} trained on shifts less not, {level}": less(
            name(other, head, TRAINED), name(other, head), measure
        )
        for level, head in HEADS.items()
        for other in ("decimate", "max", "max_blur", "aps")
        for measure in (SHIFTED, ACCURACY)
    },
)
