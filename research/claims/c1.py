"""C1: fewer values, fewer weights? Counts of the book's network.

`python scripts/train.py experiment=c1 scale=cpu`: on 2 cores an estimated 12 min a
seed, all of it in C2's.
Supported: without pooling the book's network has at least twice the parameters, with a
flattening head and with global pooling; else it depends on the head.
"""

from research.claims.arms import HEADS, cross, name, small
from research.claims.claim import Claim
from research.claims.measure import PARAMETERS, Measure, less

VALUES = Measure(
    "rows of the last map",
    "doublings",
    "cost",
    "height",
    log2=True,
    exact=True,
)
ADDS = Measure(
    "multiply-adds",
    "doublings",
    "cost",
    "multiply_adds",
    {"part": "network"},
    log2=True,
    exact=True,
)
MEMORY = Measure(
    "bytes of activations",
    "doublings",
    "cost",
    "activation_bytes",
    {"part": "network"},
    log2=True,
    exact=True,
)
NONE, MAX = name("none", "flatten"), name("max", "flatten")
DENSE = f"{NONE}, Dense(512)"

CLAIM = Claim(
    sentence="Pooling reduces the dimensions and the number of parameters.",
    setting="small",
    arms=cross(small, ["max", "none"], ["flatten", "gap"])
    | cross(small, ["max", "decimate"], ["grid"])
    | {DENSE: small("none", "flatten", "model.head.units=512")},
    comparison="log2 of the parameters without pooling, less with two max poolings: "
    "the book's network, dense layers on the flattened map or after global pooling",
    contrasts={
        level: (less(name("none", head), name("max", head), PARAMETERS),)
        for level, head in HEADS.items()
    },
    margin=1.0,
    reason_for_margin="Half of the parameters, the least that is called a reduction "
    "here; no other reason was registered.",
    factor="head",
    details={
        "rows of the last map, none less max": less(NONE, MAX, VALUES),
        "multiply-adds, none less max": less(NONE, MAX, ADDS),
        "bytes of activations, none less max": less(NONE, MAX, MEMORY),
        "parameters, none with Dense(512) less max": less(DENSE, MAX, PARAMETERS),
        "parameters, decimation less max": less(
            name("decimate", "grid"), name("max", "grid"), PARAMETERS
        ),
    },
    note="Counts, which are the same for every seed. A decimation saves as much.",
)
