"""C3: robust to small changes? Against no downsampling and against bare decimation.

`python scripts/train.py experiment=c3 scale=cpu`: on 2 cores an estimated 14 min a
seed.
Supported: max pooling agrees with itself under shifts at least a point more often than
no downsampling and than bare decimation, under a flattening head and under global
pooling; if under one of them only, it depends on the head.
"""

from research.claims.arms import HEADS, core, cross, name
from research.claims.claim import NO_OTHER_REASON, Claim
from research.claims.measure import ACCURACY, SHIFTED, Measure, less, proportion

WORST = proportion(
    "images with one prediction over all 784 circular shifts",
    "orbit",
    "worst_agreement",
)
CHANGES = {
    "rotated by 15°": ("rotation", 15),
    "scaled by 0.9": ("scale", 0.9),
    "with noise of 0.1": ("noise", 0.1),
    "warped by 1 px": ("elastic", 1.0),
}


def changed(protocol: str, amount: float | int) -> Measure:
    """Returns agreement under a small change that is no shift."""
    name = f"agreement, {protocol} {amount}"
    return proportion(name, protocol, "agreement", amount=amount)


CLAIM = Claim(
    sentence="Pooling makes the network robust to small changes of the input.",
    setting="mnist",
    arms=cross(core, ["max", "decimate", "none"], ["flatten", "gap"]),
    comparison="agreement of two circular shifts up to 3 px: max less no downsampling, "
    "or less bare decimation, whichever is less; circular padding, never trained on "
    "shifts, on MNIST",
    contrasts={
        level: tuple(
            less(name("max", head), name(other, head), SHIFTED)
            for other in ("none", "decimate")
        )
        for level, head in HEADS.items()
    },
    margin=1.0,
    reason_for_margin=NO_OTHER_REASON,
    factor="head",
    details={
        f"{measure.name}, max less {other}, {level}": less(
            name("max", head), name(other, head), measure
        )
        for level, head in HEADS.items()
        for other in ("none", "decimate")
        for measure in (
            SHIFTED,
            WORST,
            ACCURACY,
            *(changed(*change) for change in CHANGES.values()),
        )
    },
    note="With circular padding and global pooling a network without downsampling "
    "answers alike at all shifts, by construction.",
)
