"""C2: less overfitting? The gap between training and test accuracy, at one head."""

from research.claims.claim import ACCURACY, GAP, LOSS, Claim, less, small

NONE, MAX, BARE = (small(name, "grid") for name in ("none", "max", "decimate"))
FEW = ("data.train_examples=300", "train.epochs=60")
MORE = ("data.train_examples=3000", "train.epochs=8")

CLAIM = Claim(
    sentence="Pooling reduces overfitting.",
    contrast="training less test accuracy without pooling, less that with two max "
    "poolings: 1,000 images of MNIST known by heart; both maps are averaged to 3×3 "
    "before one and the same dense head, so that weights and head are equal",
    margin=0.5,
    levels={"equal heads": (less(NONE, MAX, GAP),)},
    details={
        "gap, none less decimation": less(NONE, BARE, GAP),
        "gap, decimation less max": less(BARE, MAX, GAP),
        "gap, none less max, flattened (2.0 M and 93 k weights)": less(
            small("none", "flatten"), small("max", "flatten"), GAP
        ),
        "gap, Dense(512) on the unpooled map (15.9 M) less max": less(
            small("none", "flatten", "model.head.units=512"),
            small("max", "flatten"),
            GAP,
        ),
        "gap, none less max with as many weights (2.0 M)": less(
            small("none", "flatten"),
            small("max", "flatten", "model.head.units=3420"),
            GAP,
        ),
        "gap, none less max, global pooling": less(
            small("none", "gap"), small("max", "gap"), GAP
        ),
        "gap at 300 images, none less max": less(
            small("none", "grid", *FEW), small("max", "grid", *FEW), GAP
        ),
        "gap at 3,000 images, none less max": less(
            small("none", "grid", *MORE), small("max", "grid", *MORE), GAP
        ),
        "test accuracy, max less none": less(MAX, NONE, ACCURACY),
        "training loss, none less max (equal if near 0)": less(NONE, MAX, LOSS),
    },
    note="Same epochs for all; the gap is at equal training loss as far as the last "
    "line of the details is near 0.",
)
