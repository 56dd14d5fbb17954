"""B6: which published orderings show at this scale? Descriptive.

`python scripts/train.py experiment=b6 scale=cpu`: on 2 cores an estimated 3 h for six
seeds, CIFAR-10.
Zhang 2019, Chaman & Dokmanić 2021 and Springenberg et al. 2015 on a fifth of the images
and a few per cent of the epochs: the differences are told, nothing is decided. What was
published stands beside ours in the table of orderings.
Registered anew before the first run: the All-CNN family, which has no normalisation and
is trained by Adam, is tuned at Adam's rates and not at those of SGD; agreement takes
the place of a ratio of flips that is 0 by a theorem.
"""

from dataclasses import replace

from research.claims.arms import NETS, ROUND, cifar, each, in_setting, name, net
from research.claims.claim import Claim
from research.claims.measure import ACCURACY, FILLED, STEADY, less

CIRCULAR = "circular padding"
BLUR, BARE = name("blur", "ResNet-20"), name("decimate", "ResNet-20")
APS, FILTERED = name("aps", CIRCULAR), name("blur", CIRCULAR)
ALL, POOLED, MODEL, STRIDED = (
    NETS[one] for one in ("all", "convpool", "model", "strided")
)

AGREEING = replace(
    STEADY,
    name="agreement under circular shifts up to 4 px",
    params={"shift": "circular", "max_shift": 4},
)

ZHANG, CHAMAN = "(Zhang 2019)", "(Chaman 2021)"
SPRINGENBERG = "(Springenberg 2015)"
PUBLISHED = {  # detail → the published difference, and of what
    f"log flips, blur over decimation {ZHANG}": "log(11.64 / 14.89) = −.25: ResNet-18, "
    "ImageNet, max and blur over max, of crops",
    f"accuracy, blur less decimation {ZHANG}": "1.93: ResNet-18, ImageNet, top-1",
    f"agreement, aps less blur {CHAMAN}": "3.2: 100 and 96.8, ResNet-18, CIFAR-10",
    f"accuracy, aps less blur {CHAMAN}": "0.2: 94.2 and 94.0, the same",
    f"accuracy, All-CNN less Model-C {SPRINGENBERG}": "0.66: CIFAR-10, 350 epochs",
    f"accuracy, ConvPool-CNN less Model-C {SPRINGENBERG}": "0.43: the same",
    f"accuracy, Model-C less Strided-CNN {SPRINGENBERG}": "0.45: the same",
    f"accuracy, All-CNN less ConvPool-CNN {SPRINGENBERG}": "0.23: the same",
}

CLAIM = Claim(
    sentence="The published orderings show at this scale.",
    design="ResNet-20 and the All-CNN family on a fifth of CIFAR-10's images; the "
    "differences that publications report, with intervals.",
    setting="cifar",
    arms=each(cifar, ["decimate", "blur"], words=["ResNet-20"])
    | each(cifar, ["aps", "blur"], ROUND, words=[CIRCULAR])
    | {words: in_setting("cifar_adam", net(option)) for option, words in NETS.items()},
    questions={},
    details={
        f"log flips, blur over decimation {ZHANG}": less(BLUR, BARE, FILLED),
        f"accuracy, blur less decimation {ZHANG}": less(BLUR, BARE, ACCURACY),
        f"agreement, aps less blur {CHAMAN}": less(APS, FILTERED, AGREEING),
        f"accuracy, aps less blur {CHAMAN}": less(APS, FILTERED, ACCURACY),
        f"accuracy, All-CNN less Model-C {SPRINGENBERG}": less(ALL, MODEL, ACCURACY),
        f"accuracy, ConvPool-CNN less Model-C {SPRINGENBERG}": less(
            POOLED, MODEL, ACCURACY
        ),
        f"accuracy, Model-C less Strided-CNN {SPRINGENBERG}": less(
            MODEL, STRIDED, ACCURACY
        ),
        f"accuracy, All-CNN less ConvPool-CNN {SPRINGENBERG}": less(
            ALL, POOLED, ACCURACY
        ),
    },
    limits="Few images and epochs: an ordering that is missing may only be late. The "
    "All-CNN family is a third as wide, without dropout, trained by Adam. Flips are "
    "counted under zero-filled shifts where both are right; Zhang counts all images, "
    "under moved crops.",
)
