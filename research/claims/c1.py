"""C1: fewer values, fewer weights? Counts of the book's network."""

from research.claims.claim import HEADS, PARAMETERS, Claim, Measure, less, small

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
NONE, MAX = small("none", "flatten"), small("max", "flatten")

CLAIM = Claim(
    sentence="Pooling reduces the dimensions and the number of parameters.",
    contrast="log2 of the parameters without pooling, less with two max poolings: the "
    "book's network, dense layers on the flattened map or after global pooling",
    margin=1.0,
    levels={
        name: (less(small("none", head), small("max", head), PARAMETERS),)
        for name, head in HEADS.items()
    },
    factor="head",
    details={
        "rows of the last map, none less max": less(NONE, MAX, VALUES),
        "multiply-adds, none less max": less(NONE, MAX, ADDS),
        "bytes of activations, none less max": less(NONE, MAX, MEMORY),
        "parameters, none with Dense(512) less max": less(
            small("none", "flatten", "model.head.units=512"), MAX, PARAMETERS
        ),
        "parameters, decimation less max": less(
            small("decimate", "grid"), small("max", "grid"), PARAMETERS
        ),
    },
    note="Counts, which are the same for every seed. A decimation saves as much.",
)
