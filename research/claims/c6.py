"""C6: does pooling let later layers see further? A label that needs a distance."""

from collections.abc import Iterable

from research.claims.claim import ACCURACY, HEADS, Claim, Measure, core, less
from research.claims.experiments import point

FIELD = Measure("theoretical receptive field", "pixels", "cost", "receptive_height")
FAR = 14  # pixels from mark to mark; without pooling a unit sees 7, with two 18


def marks(distance: int, poolings: int, head: str, more: Iterable[str] = ()) -> str:
    """Three convolutions and so many poolings, on marks that far apart."""
    task = ["setting=marks", f"data.builder.distance={distance}"]
    net = [f"model.poolings={poolings}", f"model/head={head}", "downsample=max"]
    chosen = {o.partition("=")[0] for o in more}
    return point([*task, *(o for o in net if o.partition("=")[0] not in chosen), *more])


CONTROLS = {
    "two decimations": marks(FAR, 2, "gap", ["downsample=decimate"]),
    "dilations of 1, 3, 5": marks(FAR, 0, "gap", ["model.dilation=[1,3,5]"]),
    "7×7 kernels": marks(FAR, 0, "gap", ["model.window=7"]),
}

CLAIM = Claim(
    sentence="With pooling later layers see more of the image, exponentially in depth; "
    "without it nothing beyond the initial area.",
    contrast="accuracy on marks 14 pixels apart, two poolings less none; read out from "
    "local features (global pooling) or from the whole map (flatten)",
    margin=5.0,
    levels={
        {"flatten": "whole map", "gap": "local features"}[head]: (
            less(marks(FAR, 2, head), marks(FAR, 0, head), ACCURACY),
        )
        for head in HEADS.values()
    },
    factor="readout",
    details={
        f"accuracy at {distance} px, {poolings} poolings less none": less(
            marks(distance, poolings, "gap"), marks(distance, 0, "gap"), ACCURACY
        )
        for distance in (4, 8, FAR)
        for poolings in (1, 2)
    }
    | {
        f"accuracy at 14 px, {name} less none": less(
            control, marks(FAR, 0, "gap"), ACCURACY
        )
        for name, control in CONTROLS.items()
    }
    | {
        "receptive field, 2 poolings less none": less(
            marks(FAR, 2, "gap"), marks(FAR, 0, "gap"), FIELD
        ),
        "accuracy on MNIST, 2 poolings less 7×7 local logits": less(
            core("max", "gap"), core("none", "gap"), ACCURACY
        ),
        "accuracy on MNIST, 2 poolings less 1": less(
            core("max", "gap"), core("max", "gap", "model.poolings=1"), ACCURACY
        ),
    },
)
