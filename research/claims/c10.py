"""C10: capsules, without notable success? Against a network of equal size and time.

`python scripts/train.py experiment=c10 scale=cpu`: on 2 cores an estimated 10 min a
seed.
Supported: a convolutional network of equal size and training time is no more than half
a point less accurate: on test images, at unseen shifts, and, both trained on shifts, at
an unseen rotation; if not at all of them, it depends on the test.
"""

from research.claims.arms import Overrides
from research.claims.claim import NO_OTHER_REASON, Claim
from research.claims.measure import ACCURACY, PARAMETERS, less, proportion

STILL, MOVED = "augment.shift=0", "augment.shift=6"
CROP = "augment=crop"  # of the image on an empty ground: a shift


def capsules(*more: str) -> Overrides:
    """The capsule network, a quarter as wide as published."""
    return (CROP, "model=capsnet_small", *more)


def network(*more: str) -> Overrides:
    """The book's network with a head so wide that it has as many weights."""
    wide = ("downsample=max", "model/head=flatten", "model.head.units=1255")
    return (CROP, *wide, *more)


LONG = "train.epochs=30"  # about the seconds that the capsules take
SHIFTED = proportion(
    "accuracy at zero-filled shifts up to 6 px", "zero", "accuracy", max_shift=6
)
TURNED = proportion("accuracy, turned by 15°", "rotation", "accuracy", amount=15)
CAPSULES, CAPSULES_MOVED = "capsules", "capsules, trained on shifts"
CNN, CNN_MOVED = "CNN of equal time", "CNN of equal time, trained on shifts"
SHORT = "CNN of equal epochs"

CLAIM = Claim(
    sentence="Capsules were proposed instead, without notable success over "
    "convolutional networks.",
    setting="capsules",
    arms={
        CAPSULES: capsules(STILL),
        CAPSULES_MOVED: capsules(MOVED),
        CNN: network(LONG, STILL),
        CNN_MOVED: network(LONG, MOVED),
        SHORT: network(STILL),
    },
    comparison="accuracy of a convolutional network with as many weights and seconds "
    "of training, less that of a capsule network: no worse by the margin",
    contrasts={
        "test images": (less(CNN, CAPSULES, ACCURACY),),
        "unseen shifts, trained centred": (less(CNN, CAPSULES, SHIFTED),),
        "unseen rotation, trained on shifts": (
            less(CNN_MOVED, CAPSULES_MOVED, TURNED),
        ),
    },
    margin=0.5,
    reason_for_margin=NO_OTHER_REASON,
    factor="test",
    no_worse=True,
    details={
        "accuracy, CNN of equal epochs less capsules": less(SHORT, CAPSULES, ACCURACY),
        "accuracy at shifts up to 6 px, CNN of equal epochs less capsules": less(
            SHORT, CAPSULES, SHIFTED
        ),
        "accuracy at shifts up to 6 px, both trained on them": less(
            CNN_MOVED, CAPSULES_MOVED, SHIFTED
        ),
        "parameters, CNN less capsules": less(CNN, CAPSULES, PARAMETERS),
    },
)
