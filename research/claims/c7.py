"""C7: do the weights explode without pooling? Where the map is flattened.

`python scripts/train.py experiment=c7 scale=cpu`: on 2 cores an estimated 15 min a
seed.
Supported: without pooling the readout has at least twice the parameters, after
flattening and after global pooling; else it depends on the head.
"""

from research.claims.arms import HEADS, core, cross, in_setting, name, small
from research.claims.claim import Claim
from research.claims.measure import ACCURACY, PARAMETERS, Measure, less

HEAD = Measure(
    "parameters of the readout",
    "doublings",
    "cost",
    "parameters",
    {"part": "readout"},
    log2=True,
    exact=True,
)
SIZES = {
    "300": ("data.train_examples=300", "train.epochs=60"),
    "1,000": (),
    "3,000": ("data.train_examples=3000", "train.epochs=8"),
}
PERMUTED = "model.permutation=0"
ONE_POOLING = name("max", "flatten", "1 pooling")


def sized(downsample: str, size: str) -> str:
    """Names a flattening network by how many images it is trained on."""
    return name(downsample, "flatten", f"{size} images")


CONVOLUTION = sized("max", "1,000")
NETWORKS = {  # locality, and sharing of weights: what it is called → arm, overrides
    "convolution": (CONVOLUTION, small("max", "flatten")),
    "locally connected": ("locally connected", ("model=local",)),
    "MLP": ("MLP", ("model=mlp",)),
}

CLAIM = Claim(
    sentence="Without pooling the number of weights explodes with fully connected "
    "layers, and separating so many features is expensive.",
    setting="mnist",
    arms=cross(core, ["max", "none"], ["flatten", "gap"])
    | {
        sized(one, size): in_setting("small", small(one, "flatten", *more))
        for size, more in SIZES.items()
        for one in ("max", "none")
    }
    | {arm: in_setting("small", overrides) for arm, overrides in NETWORKS.values()}
    | {
        f"{arm}, permuted pixels": in_setting("small", (*overrides, PERMUTED))
        for arm, overrides in NETWORKS.values()
    }
    | {ONE_POOLING: core("max", "flatten", "model.poolings=1")},
    comparison="log2 of the readout's parameters without pooling, less with two max "
    "poolings, after three convolutions that keep 28×28",
    contrasts={
        level: (less(name("none", head), name("max", head), HEAD),)
        for level, head in HEADS.items()
    },
    margin=1.0,
    reason_for_margin="Twice the parameters, the least that is called an explosion "
    "here; no other reason was registered.",
    factor="head",
    details={
        f"test accuracy at {size} images, max (576 features) less none (30,976)": less(
            sized("max", size), sized("none", size), ACCURACY
        )
        for size in SIZES
    }
    | {
        "parameters, 1 pooling less 2": less(ONE_POOLING, name("max", "flatten"), HEAD),
        "parameters, locally connected less convolution": less(
            "locally connected", CONVOLUTION, PARAMETERS
        ),
        "parameters, MLP less convolution": less("MLP", CONVOLUTION, PARAMETERS),
        "test accuracy, convolution less locally connected": less(
            CONVOLUTION, "locally connected", ACCURACY
        ),
        "test accuracy, convolution less MLP": less(CONVOLUTION, "MLP", ACCURACY),
    }
    | {
        f"test accuracy, {network} less the same on permuted pixels": less(
            arm, f"{arm}, permuted pixels", ACCURACY
        )
        for network, (arm, _) in NETWORKS.items()
    },
    note="Parameters are counts, the same for every seed.",
)
