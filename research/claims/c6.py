"""C6: does pooling let later layers see further? A label that needs a distance.

`python scripts/train.py experiment=c6 scale=cpu`: on 2 cores an estimated 12 min a
seed.
Supported: on marks 14 pixels apart two poolings are at least 5 points more accurate
than none, read out from local features and from the whole map; if from local features
only, it depends on the readout.
"""

from research.claims.arms import Overrides, core, in_setting, name
from research.claims.claim import NO_OTHER_REASON, Claim
from research.claims.measure import ACCURACY, Measure, less

FIELD = Measure("theoretical receptive field", "pixels", "cost", "receptive_height")
FAR = 14  # pixels from mark to mark; without pooling a unit sees 7, with two 18
NEAR = (4, 8)  # 8 apart, 7 pixels just suffice: both marks show a tip


def marks(
    distance: int, poolings: int, head: str, *more: str, downsample: str = "max"
) -> Overrides:
    """Three convolutions and so many poolings, on marks that far apart."""
    task = f"data.builder.distance={distance}"
    network = (f"model.poolings={poolings}", f"model/head={head}")
    return (task, *network, f"downsample={downsample}", *more)


def at(distance: int, poolings: int, head: str) -> str:
    """Names such an arm: `2 poolings, global pooling, 14 px`."""
    plural = "" if poolings == 1 else "s"
    return name(f"{poolings} pooling{plural}", head, f"{distance} px")


CONTROLS = {  # other ways to as large a field
    "two decimations": marks(FAR, 2, "gap", downsample="decimate"),
    "dilations of 1, 3, 5": marks(FAR, 0, "gap", "model.dilation=[1,3,5]"),
    "7×7 kernels": marks(FAR, 0, "gap", "model.window=7"),
}
MNIST = {
    "2 poolings, MNIST": core("max", "gap"),
    "no downsampling, MNIST": core("none", "gap"),
    "1 pooling, MNIST": core("max", "gap", "model.poolings=1"),
}

CLAIM = Claim(
    sentence="With pooling later layers see more of the image, exponentially in depth; "
    "without it nothing beyond the initial area.",
    setting="marks",
    arms={
        at(distance, poolings, head): marks(distance, poolings, head)
        for head, distances in (("gap", (FAR, *NEAR)), ("flatten", (FAR,)))
        for distance in distances
        for poolings in ((0, 1, 2) if head == "gap" else (0, 2))
    }
    | {f"{control}, {FAR} px": arm for control, arm in CONTROLS.items()}
    | {arm: in_setting("mnist", overrides) for arm, overrides in MNIST.items()},
    comparison="accuracy on marks 14 pixels apart, two poolings less none; read out "
    "from local features (global pooling) or from the whole map (flatten)",
    contrasts={
        "whole map": (less(at(FAR, 2, "flatten"), at(FAR, 0, "flatten"), ACCURACY),),
        "local features": (less(at(FAR, 2, "gap"), at(FAR, 0, "gap"), ACCURACY),),
    },
    margin=5.0,
    reason_for_margin=NO_OTHER_REASON,
    factor="readout",
    details={
        f"accuracy at {distance} px, {poolings} poolings less none": less(
            at(distance, poolings, "gap"), at(distance, 0, "gap"), ACCURACY
        )
        for distance in (*NEAR, FAR)
        for poolings in (1, 2)
    }
    | {
        f"accuracy at 14 px, {control} less none": less(
            f"{control}, {FAR} px", at(FAR, 0, "gap"), ACCURACY
        )
        for control in CONTROLS
    }
    | {
        "receptive field, 2 poolings less none": less(
            at(FAR, 2, "gap"), at(FAR, 0, "gap"), FIELD
        ),
        "accuracy on MNIST, 2 poolings less 7×7 local logits": less(
            "2 poolings, MNIST", "no downsampling, MNIST", ACCURACY
        ),
        "accuracy on MNIST, 2 poolings less 1": less(
            "2 poolings, MNIST", "1 pooling, MNIST", ACCURACY
        ),
    },
)
