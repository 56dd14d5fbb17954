"""B6: which published orderings hold at this scale?

Zhang 2019, Chaman 2021, Springenberg 2015.
`python scripts/train.py experiment=b6 scale=cpu`: on 2 cores an estimated 100 min a
seed, CIFAR-10.
Supported: all of them hold by at least .1 point; if some do and others turn around, it
depends on the ordering.
"""

from research.claims.arms import NETS, ROUND, cifar, each, name, net
from research.claims.claim import NO_OTHER_REASON, Claim
from research.claims.measure import ACCURACY, CROPPED, SHIFTED, less

CIRCULAR = "circular padding"
BLUR, BARE = name("blur"), name("decimate")
APS, FILTERED = name("aps", CIRCULAR), name("blur", CIRCULAR)
ALL, POOLED, MODEL, STRIDED = (
    NETS[one] for one in ("all", "convpool", "model", "strided")
)
REST = ["max", "max_blur", "average", "strided", "aps", "lps"]  # of eight presets

CLAIM = Claim(
    sentence="The published orderings hold at this scale.",
    setting="cifar",
    arms=each(cifar, ["decimate", "blur"])
    | each(cifar, ["aps", "blur"], ROUND, words=[CIRCULAR])
    | {words: net(option, "optim=adam") for option, words in NETS.items()}
    | each(cifar, REST),
    comparison="the difference of each published ordering on CIFAR-10, all of which "
    "must lie above the margin",
    contrasts={
        "consistency: blur over decimation (Zhang 2019)": (less(BLUR, BARE, CROPPED),),
        "accuracy: blur over decimation (Zhang 2019)": (less(BLUR, BARE, ACCURACY),),
        "consistency: aps over blur (Chaman 2021)": (less(APS, FILTERED, SHIFTED),),
        "accuracy: aps over blur (Chaman 2021)": (less(APS, FILTERED, ACCURACY),),
        "accuracy: All-CNN over Model-C (Springenberg 2015)": (
            less(ALL, MODEL, ACCURACY),
        ),
        "accuracy: ConvPool-CNN over Model-C (Springenberg 2015)": (
            less(POOLED, MODEL, ACCURACY),
        ),
        "accuracy: Model-C over Strided-CNN (Springenberg 2015)": (
            less(MODEL, STRIDED, ACCURACY),
        ),
    },
    margin=0.1,
    reason_for_margin=NO_OTHER_REASON,
    factor="ordering",
    seeds=3,
    details={
        "accuracy: All-CNN over ConvPool-CNN (Springenberg 2015)": less(
            ALL, POOLED, ACCURACY
        ),
    },
    note="A fifth of the images and a few per cent of the epochs of the publications.",
)
