"""C4: do strided convolutions do as well? All-CNN against ConvPool-CNN.

`python scripts/train.py experiment=c4 scale=cpu`: on 2 cores an estimated 15 min a
seed.
Supported: All-CNN is no more than .1 point less accurate than ConvPool-CNN, which has
as many weights and max pooling.
"""

from research.claims.arms import NETS, core, cross, name, net
from research.claims.claim import NO_OTHER_REASON, Claim
from research.claims.measure import ACCURACY, PARAMETERS, SHIFTED, SPEED, less

ALL, POOLED = NETS["all"], NETS["convpool"]
BOTH = ["strided", "max"]
STRIDES = {2: [], 3: ["stride 3"], 4: ["stride 4"]}  # words in the names

CLAIM = Claim(
    sentence="Strided convolutions are replacing max pooling.",
    setting="mnist",
    arms={ALL: net("all"), POOLED: net("convpool")}
    | {NETS["strided"]: net("strided"), NETS["model"]: net("model")}
    | cross(core, BOTH, ["flatten"])
    | cross(core, BOTH, ["flatten"], "downsample.stride=3", words=STRIDES[3])
    | cross(core, BOTH, ["flatten"], "downsample.stride=4", words=STRIDES[4]),
    comparison="accuracy on MNIST of All-CNN (strided convolutions) less ConvPool-CNN "
    "(as many weights, max pooling): no worse by the margin",
    contrasts={"equal weights": (less(ALL, POOLED, ACCURACY),)},
    margin=0.1,
    reason_for_margin=NO_OTHER_REASON,
    no_worse=True,
    details={
        "accuracy, Strided-CNN less Model-C": less(
            NETS["strided"], NETS["model"], ACCURACY
        ),
        "agreement under shifts, All-CNN less ConvPool-CNN": less(ALL, POOLED, SHIFTED),
        "parameters, All-CNN less ConvPool-CNN": less(ALL, POOLED, PARAMETERS),
        "training speed, All-CNN less ConvPool-CNN": less(ALL, POOLED, SPEED),
    }
    | {
        f"{measure.name}, strided convolution less max, stride {stride}": less(
            name("strided", "flatten", *words), name("max", "flatten", *words), measure
        )
        for stride, words in STRIDES.items()
        for measure in (ACCURACY, SHIFTED)
    },
)
