"""C10: capsules, without notable success? Against a network of equal size and time."""

from research.claims.claim import ACCURACY, PARAMETERS, POINTS, Claim, Measure, less
from research.claims.experiments import point

STILL, MOVED = ("augment.shift=0",), ("augment.shift=6",)
CROP = "augment=crop"  # of the image on an empty ground: a shift


def capsules(*more: str) -> str:
    """The capsule network, a quarter as wide as published."""
    return point(["setting=capsules", CROP, "model=capsnet_small", *more])


def network(*more: str) -> str:
    """The book's network with a head so wide that it has as many weights."""
    wide = ["downsample=max", "model/head=flatten", "model.head.units=1255"]
    return point(["setting=capsules", CROP, *wide, *more])


LONG = "train.epochs=30"  # about the seconds that the capsules take
SHIFTED = Measure(
    "accuracy at zero-filled shifts up to 6 px",
    protocol="zero",
    measure="accuracy",
    params={"max_shift": 6},
    **POINTS,
)
TURNED = Measure(
    "accuracy, turned by 15°",
    protocol="rotation",
    measure="accuracy",
    params={"amount": 15},
    **POINTS,
)
CONVOLUTIONS, CAPSULES = network(LONG, *STILL), capsules(*STILL)

CLAIM = Claim(
    sentence="Capsules were proposed instead, without notable success over "
    "convolutional networks.",
    contrast="accuracy of a convolutional network with as many weights and seconds of "
    "training, less that of a capsule network: no worse by the margin",
    margin=0.5,
    levels={
        "test images": (less(CONVOLUTIONS, CAPSULES, ACCURACY),),
        "unseen shifts, trained centred": (less(CONVOLUTIONS, CAPSULES, SHIFTED),),
        "unseen rotation, trained on shifts": (
            less(network(LONG, *MOVED), capsules(*MOVED), TURNED),
        ),
    },
    factor="test",
    no_worse=True,
    details={
        "accuracy, CNN of equal epochs less capsules": less(
            network(*STILL), CAPSULES, ACCURACY
        ),
        "accuracy at shifts up to 6 px, CNN of equal epochs less capsules": less(
            network(*STILL), CAPSULES, SHIFTED
        ),
        "accuracy at shifts up to 6 px, both trained on them": less(
            network(LONG, *MOVED), capsules(*MOVED), SHIFTED
        ),
        "parameters, CNN less capsules": less(CONVOLUTIONS, CAPSULES, PARAMETERS),
    },
)
