"""B2: does choosing the phase beat filtering?

`python scripts/train.py experiment=b2 scale=cpu`: on 2 cores an estimated 9 min a seed,
then 40 on CIFAR-10.
Supported: with circular padding aps agrees with itself under shifts at least half a
point more often than max-blur, under both heads; else it may depend on the head.
"""

from research.claims.arms import HEADS, ROUND, cifar, core, cross, each, name
from research.claims.claim import NO_OTHER_REASON, Claim
from research.claims.measure import ACCURACY, SHIFTED, less

CIRCULAR = ("ResNet-20", "circular padding")

CLAIM = Claim(
    sentence="Adaptive sampling phases make a network more stable under shifts than "
    "anti-aliasing does.",
    setting="mnist",
    arms=cross(core, ["max_blur", "aps"], ["flatten", "gap"])
    | cross(core, ["lps", "max_aps", "blur_aps"], ["gap"])
    | each(cifar, ["decimate", "blur", "aps"], ROUND, words=CIRCULAR),
    comparison="agreement of two circular shifts up to 3 px on MNIST, aps less "
    "max-blur, circular padding",
    contrasts={
        level: (less(name("aps", head), name("max_blur", head), SHIFTED),)
        for level, head in HEADS.items()
    },
    margin=0.5,
    reason_for_margin=NO_OTHER_REASON,
    factor="head",
    details={
        f"{measure.name}, {other} less max-blur, global pooling": less(
            name(other, "gap"), name("max_blur", "gap"), measure
        )
        for other in ("aps", "lps", "max_aps", "blur_aps")
        for measure in (SHIFTED, ACCURACY)
    }
    | {
        f"{measure.name}, aps less {other}, circular ResNet-20 on CIFAR-10": less(
            name("aps", *CIRCULAR), name(other, *CIRCULAR), measure
        )
        for other in ("blur", "decimate")
        for measure in (SHIFTED, ACCURACY)
    },
)
