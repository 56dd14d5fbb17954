"""C2: less overfitting? The gap between training and test accuracy, at one head.

`python scripts/train.py experiment=c2 scale=cpu`: on 2 cores an estimated 15 min a
seed.
Supported: without pooling the gap between training and test accuracy is at least half a
point larger, at one and the same head, after 1,000 images are known by heart.
"""

from research.claims.arms import cross, name, small
from research.claims.claim import NO_OTHER_REASON, Claim
from research.claims.measure import ACCURACY, GAP, LOSS, less

NONE, MAX, BARE = (name(one, "grid") for one in ("none", "max", "decimate"))
BOTH = ["max", "none"]
FEW = ("data.train_examples=300", "train.epochs=60")
MORE = ("data.train_examples=3000", "train.epochs=8")
WIDE = f"{name('max', 'flatten')}, Dense(3420)"
DENSE = f"{name('none', 'flatten')}, Dense(512)"

CLAIM = Claim(
    sentence="Pooling reduces overfitting.",
    setting="small",
    arms=cross(small, BOTH, ["grid"])
    | cross(small, ["decimate"], ["grid"])
    | cross(small, BOTH, ["flatten", "gap"])
    | {
        WIDE: small("max", "flatten", "model.head.units=3420"),  # weights as unpooled
        DENSE: small("none", "flatten", "model.head.units=512"),  # 15.9 M weights
    }
    | cross(small, BOTH, ["grid"], *FEW, words=["300 images"])
    | cross(small, BOTH, ["grid"], *MORE, words=["3,000 images"]),
    comparison="training less test accuracy without pooling, less that with two max "
    "poolings: 1,000 images of MNIST known by heart; both maps are averaged to 3×3 "
    "before one and the same dense head, so that weights and head are equal",
    contrasts={"equal heads": (less(NONE, MAX, GAP),)},
    margin=0.5,
    reason_for_margin=NO_OTHER_REASON,
    details={
        "gap, none less decimation": less(NONE, BARE, GAP),
        "gap, decimation less max": less(BARE, MAX, GAP),
        "gap, none less max, flattened (2.0 M and 93 k weights)": less(
            name("none", "flatten"), name("max", "flatten"), GAP
        ),
        "gap, Dense(512) on the unpooled map (15.9 M) less max": less(
            DENSE, name("max", "flatten"), GAP
        ),
        "gap, none less max with as many weights (2.0 M)": less(
            name("none", "flatten"), WIDE, GAP
        ),
        "gap, none less max, global pooling": less(
            name("none", "gap"), name("max", "gap"), GAP
        ),
        "gap at 300 images, none less max": less(
            f"{NONE}, 300 images", f"{MAX}, 300 images", GAP
        ),
        "gap at 3,000 images, none less max": less(
            f"{NONE}, 3,000 images", f"{MAX}, 3,000 images", GAP
        ),
        "test accuracy, max less none": less(MAX, NONE, ACCURACY),
        "training loss, none less max (equal if near 0)": less(NONE, MAX, LOSS),
    },
    note="Same epochs for all; the gap is at equal training loss as far as the last "
    "line of the details is near 0.",
)
