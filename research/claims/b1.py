"""B1: does a low pass before sampling help?

`python scripts/train.py experiment=b1 scale=cpu`: on 2 cores an estimated 12 min a
seed, then 52 on CIFAR-10.
Supported: max-blur agrees with itself under shifts at least a point more often than
max, under both heads; if under one of them only, it depends on the head.
"""

from research.claims.arms import HEADS, cifar, core, cross, each, name
from research.claims.claim import NO_OTHER_REASON, Claim
from research.claims.measure import ACCURACY, CROPPED, SHIFTED, less

FILTERS = ("blur", "ideal", "flc", "haar", "adaptive_blur")

CLAIM = Claim(
    sentence="Anti-aliasing makes a pooled network more stable under shifts.",
    setting="mnist",
    arms=cross(core, ["max", "max_blur"], ["flatten", "gap"])
    | cross(core, ["decimate", *FILTERS], ["gap"])
    | each(cifar, ["decimate", "blur", "max", "max_blur"], words=["ResNet-20"]),
    comparison="agreement of two circular shifts up to 3 px on MNIST, max-blur less "
    "max",
    contrasts={
        level: (less(name("max_blur", head), name("max", head), SHIFTED),)
        for level, head in HEADS.items()
    },
    margin=1.0,
    reason_for_margin=NO_OTHER_REASON,
    factor="head",
    details={
        f"{measure.name}, {other} less decimation, global pooling": less(
            name(other, "gap"), name("decimate", "gap"), measure
        )
        for other in FILTERS
        for measure in (SHIFTED, ACCURACY)
    }
    | {
        f"{measure.name}, {a} less {b}, ResNet-20 on CIFAR-10": less(
            name(a, "ResNet-20"), name(b, "ResNet-20"), measure
        )
        for a, b in (("max_blur", "max"), ("blur", "decimate"))
        for measure in (CROPPED, ACCURACY)
    },
)
