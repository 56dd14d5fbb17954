"""C4: do strided convolutions do as well? All-CNN against ConvPool-CNN."""

from research.claims.claim import (
    ACCURACY,
    PARAMETERS,
    SHIFTED,
    SPEED,
    Claim,
    core,
    less,
)
from research.claims.experiments import point

NARROW = ["setting=mnist", "model.widths=[32,64]", "model/head=gap"]


def net(name: str) -> str:
    """One of the All-CNN family, a third as wide, a linear readout, no dropout."""
    still = ["model.dropout=0.0", "model.input_dropout=0.0"]
    return point([*NARROW, *still, f"model=allconv_{name}"])


STRIDES = {2: [], 3: ["downsample.stride=3"], 4: ["downsample.stride=4"]}

CLAIM = Claim(
    sentence="Strided convolutions are replacing max pooling.",
    contrast="accuracy on MNIST of All-CNN (strided convolutions) less ConvPool-CNN "
    "(as many weights, max pooling): no worse by the margin",
    margin=0.1,
    levels={"equal weights": (less(net("all"), net("convpool"), ACCURACY),)},
    no_worse=True,
    details={
        "accuracy, Strided-CNN less Model-C": less(
            net("strided"), net("model"), ACCURACY
        ),
        "agreement under shifts, All-CNN less ConvPool-CNN": less(
            net("all"), net("convpool"), SHIFTED
        ),
        "parameters, All-CNN less ConvPool-CNN": less(
            net("all"), net("convpool"), PARAMETERS
        ),
        "training speed, All-CNN less ConvPool-CNN": less(
            net("all"), net("convpool"), SPEED
        ),
    }
    | {
        f"{measure.name}, strided convolution less max, stride {stride}": less(
            core("strided", "flatten", *more), core("max", "flatten", *more), measure
        )
        for stride, more in STRIDES.items()
        for measure in (ACCURACY, SHIFTED)
    },
)
