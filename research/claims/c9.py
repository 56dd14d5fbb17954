"""C9: a person or a Picasso? Faces whose parts stand in other places."""

from research.claims.claim import HEADS, POINTS, Claim, Contrast, Measure, core, less
from research.claims.experiments import point

ERROR = Measure(
    "errors on intact or jumbled",
    "percentage points",
    "accuracy",
    "accuracy",
    scale=-100.0,
    offset=100.0,
)
JUMBLED = Measure(
    "accuracy on who it is, parts jumbled",
    protocol="part",
    measure="accuracy",
    params={"jumbled": True},
    **POINTS,
)
PATCHES = Measure(
    "accuracy on MNIST cut into 4×4 patches (7×7 px) and permuted",
    protocol="patch",
    measure="accuracy",
    params={"grid": [4, 4]},
    **POINTS,
)


def faces(setting: str, downsample: str, head: str, *more: str) -> str:
    """A network with three downsamplers and a field of 38 pixels."""
    net = [f"downsample={downsample}", f"model/head={head}"]
    return point([f"setting={setting}", *net, *more])


BAG = faces("jumbled", "max", "gap", "model.widths=[16,16,16]", "model.poolings=0")
FEW = "data.train_examples=1000"

CLAIM = Claim(
    sentence="A network with pooling cannot tell a person from a Picasso.",
    contrast="errors on faces, intact or with their parts in other places, of a "
    "network with three max poolings trained on 8,000 of them; chance is 50, and the "
    "margin what is still called chance",
    margin=40.0,
    levels={
        name: (Contrast({faces("jumbled", "max", head): 1.0}, ERROR),)
        for name, head in HEADS.items()
    },
    factor="head",
    details={
        "errors of a bag of 7×7 patches (control, at chance)": Contrast(
            {BAG: 1.0}, ERROR
        )
    }
    | {
        f"errors from 1,000 faces, {name}": Contrast(
            {faces("jumbled", "max", head, FEW): 1.0}, ERROR
        )
        for name, head in HEADS.items()
    }
    | {
        f"errors, max less decimation, {name}": less(
            faces("jumbled", "max", head), faces("jumbled", "decimate", head), ERROR
        )
        for name, head in HEADS.items()
    }
    | {
        f"{JUMBLED.name}, max less decimation, {name}": less(
            faces("who", "max", head), faces("who", "decimate", head), JUMBLED
        )
        for name, head in HEADS.items()
    }
    | {
        f"{JUMBLED.name}, max, {name}": Contrast(
            {faces("who", "max", head): 1.0}, JUMBLED
        )
        for name, head in HEADS.items()
    }
    | {
        f"{PATCHES.name}, max less decimation, {name}": less(
            core("max", head), core("decimate", head), PATCHES
        )
        for name, head in HEADS.items()
    },
)
