"""C7: do the weights explode without pooling? Where the map is flattened."""

from research.claims.claim import (
    ACCURACY,
    HEADS,
    PARAMETERS,
    Claim,
    Measure,
    core,
    less,
    small,
)
from research.claims.experiments import point

HEAD = Measure(
    "parameters of the readout",
    "doublings",
    "cost",
    "parameters",
    {"part": "readout"},
    log2=True,
    exact=True,
)
FEW = ("data.train_examples=300", "train.epochs=60")
MORE = ("data.train_examples=3000", "train.epochs=8")
SIZES = {"300": FEW, "1,000": (), "3,000": MORE}
PERMUTED = "model.permutation=0"
CONV = small("max", "flatten")
LOCAL = point(["setting=small", "model=local"])
MLP = point(["setting=small", "model=mlp"])

CLAIM = Claim(
    sentence="Without pooling the number of weights explodes with fully connected "
    "layers, and separating so many features is expensive.",
    contrast="log2 of the readout's parameters without pooling, less with two max "
    "poolings, after three convolutions that keep 28×28",
    margin=1.0,
    levels={
        name: (less(core("none", head), core("max", head), HEAD),)
        for name, head in HEADS.items()
    },
    factor="head",
    details={
        f"test accuracy at {size} images, max (576 features) less none (30,976)": less(
            small("max", "flatten", *more), small("none", "flatten", *more), ACCURACY
        )
        for size, more in SIZES.items()
    }
    | {
        "parameters, 1 pooling less 2": less(
            core("max", "flatten", "model.poolings=1"), core("max", "flatten"), HEAD
        ),
        "parameters, locally connected less convolution": less(LOCAL, CONV, PARAMETERS),
        "parameters, MLP less convolution": less(MLP, CONV, PARAMETERS),
        "test accuracy, convolution less locally connected": less(
            CONV, LOCAL, ACCURACY
        ),
        "test accuracy, convolution less MLP": less(CONV, MLP, ACCURACY),
        "test accuracy, convolution less the same on permuted pixels": less(
            CONV, small("max", "flatten", PERMUTED), ACCURACY
        ),
        "test accuracy, locally connected less the same on permuted pixels": less(
            LOCAL, point([*LOCAL.split(), PERMUTED]), ACCURACY
        ),
        "test accuracy, MLP less the same on permuted pixels": less(
            MLP, point([*MLP.split(), PERMUTED]), ACCURACY
        ),
    },
    note="Parameters are counts, the same for every seed.",
)
