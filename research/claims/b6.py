"""B6: which published orderings hold at this scale?"""

from research.claims.claim import ACCURACY, CROPPED, SHIFTED, Claim, cifar, less
from research.claims.experiments import point

ROUND = "model.padding=circular"


def net(name: str) -> str:
    """One of the All-CNN family, a third as wide, a linear readout, no dropout."""
    narrow = ["model.widths=[32,64]", "model/head=gap"]
    narrow += ["model.dropout=0.0", "model.input_dropout=0.0"]
    return point(["setting=cifar", "optim=adam", f"model=allconv_{name}", *narrow])


BLUR, BARE = cifar("downsample=blur"), cifar("downsample=decimate")
APS, FILTERED = (cifar(f"downsample={name}", ROUND) for name in ("aps", "blur"))

CLAIM = Claim(
    sentence="The published orderings hold at this scale.",
    contrast="the difference of each published ordering on CIFAR-10, all of which must "
    "lie above the margin",
    margin=0.1,
    levels={
        "consistency: blur over decimation (Zhang 2019)": (less(BLUR, BARE, CROPPED),),
        "accuracy: blur over decimation (Zhang 2019)": (less(BLUR, BARE, ACCURACY),),
        "consistency: aps over blur (Chaman 2021)": (less(APS, FILTERED, SHIFTED),),
        "accuracy: aps over blur (Chaman 2021)": (less(APS, FILTERED, ACCURACY),),
        "accuracy: All-CNN over Model-C (Springenberg 2015)": (
            less(net("all"), net("model"), ACCURACY),
        ),
        "accuracy: ConvPool-CNN over Model-C (Springenberg 2015)": (
            less(net("convpool"), net("model"), ACCURACY),
        ),
        "accuracy: Model-C over Strided-CNN (Springenberg 2015)": (
            less(net("model"), net("strided"), ACCURACY),
        ),
    },
    factor="ordering",
    seeds=3,
    details={
        "accuracy: All-CNN over ConvPool-CNN (Springenberg 2015)": less(
            net("all"), net("convpool"), ACCURACY
        ),
    },
    note="A fifth of the images and a few per cent of the epochs of the publications.",
)
