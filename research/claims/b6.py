"""B6: which published orderings show at this scale? Descriptive.

`python scripts/train.py experiment=b6 scale=cpu`: on 2 cores an estimated 10 h for six
seeds, CIFAR-10.
Zhang 2019, Chaman & Dokmanić 2021 and Springenberg et al. 2015 on a fifth of the images
and a few per cent of the epochs: the differences are told, nothing is decided. What was
published stands beside ours in the table of orderings.
"""

from research.claims.arms import NETS, ROUND, cifar, each, name, net
from research.claims.claim import Claim
from research.claims.measure import ACCURACY, FILLED, WRAPPED, less

CIRCULAR = "circular padding"
BLUR, BARE = name("blur", "ResNet-20"), name("decimate", "ResNet-20")
APS, FILTERED = name("aps", CIRCULAR), name("blur", CIRCULAR)
ALL, POOLED, MODEL, STRIDED = (
    NETS[one] for one in ("all", "convpool", "model", "strided")
)

CLAIM = Claim(
    sentence="The published orderings show at this scale.",
    design="ResNet-20 and the All-CNN family on a fifth of CIFAR-10's images; the "
    "differences that publications report, with intervals.",
    setting="cifar",
    arms=each(cifar, ["decimate", "blur"], words=["ResNet-20"])
    | each(cifar, ["aps", "blur"], ROUND, words=[CIRCULAR])
    | {words: net(option, "optim=adam") for option, words in NETS.items()},
    questions={},
    details={
        "log flips, blur over decimation (Zhang 2019)": less(BLUR, BARE, FILLED),
        "accuracy, blur less decimation (Zhang 2019)": less(BLUR, BARE, ACCURACY),
        "log flips, aps over blur (Chaman 2021)": less(APS, FILTERED, WRAPPED),
        "accuracy, aps less blur (Chaman 2021)": less(APS, FILTERED, ACCURACY),
        "accuracy, All-CNN less Model-C (Springenberg 2015)": less(
            ALL, MODEL, ACCURACY
        ),
        "accuracy, ConvPool-CNN less Model-C (Springenberg 2015)": less(
            POOLED, MODEL, ACCURACY
        ),
        "accuracy, Model-C less Strided-CNN (Springenberg 2015)": less(
            MODEL, STRIDED, ACCURACY
        ),
        "accuracy, All-CNN less ConvPool-CNN (Springenberg 2015)": less(
            ALL, POOLED, ACCURACY
        ),
    },
    limits="Few images and epochs: an ordering that is missing may only be late.",
)
