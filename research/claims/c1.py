"""C1: fewer values, fewer weights? Counts of the book's network.

`python scripts/train.py experiment=c1 scale=cpu`: minutes.
Two sentences, two answers, both exact counts with 0 to 3 poolings on 28×28 images. The
rows of the last map: margin .9 of a doubling for each pooling, as a halving less what
odd sizes round. The parameters: at least half, the least that is called a reduction.
"""

from research.claims.arms import HEADS, Overrides, name
from research.claims.claim import Claim
from research.claims.measure import PARAMETERS, READOUT, Contrast, Measure, count, less
from research.claims.question import Question
from research.claims.rule import MORE_THAN

ROWS = Measure(
    "rows of the last map", "doublings", "cost", "height", log2=True, exact=True
)
ADDS = count("multiply-adds", "multiply_adds", "network")
MEMORY = count("bytes of activations", "activation_bytes", "network")
POOLINGS = range(4)


def book(poolings: int, head: str) -> Overrides:
    """The book's network with zero padding, so that maps are halved and no less."""
    network = ("downsample=max", f"model.poolings={poolings}", f"model/head={head}")
    return (*network, "model.padding=zero")


def with_poolings(poolings: int, head: str) -> str:
    """Names such an arm: `2 poolings, flattened`."""
    plural = "" if poolings == 1 else "s"
    return name(f"{poolings} pooling{plural}", head)


def halving(poolings: int, head: str) -> Contrast:
    """Returns by how many doublings each of some poolings shortens the map."""
    none, some = with_poolings(0, head), with_poolings(poolings, head)
    return Contrast({none: 1 / poolings, some: -1 / poolings}, ROWS)


CLAIM = Claim(
    sentence="Pooling reduces the dimensions and the number of parameters.",
    design="The book's network with 0 to 3 max poolings, read by a dense layer of 64 "
    "units from the flattened map, or by a linear layer from its mean; exact counts.",
    setting="book",
    arms={
        with_poolings(one, head): book(one, head)
        for head in HEADS.values()
        for one in POOLINGS
    },
    questions={
        "dimensions": Question(
            asks="rows of the last map without pooling less those with it, for each "
            "pooling, in doublings",
            cases={
                f"{one} of them, {level}": halving(one, head)
                for level, head in HEADS.items()
                for one in POOLINGS
                if one
            },
            margin=0.9,
            reason="A pooling of stride 2 halves the map; odd sizes round.",
            rule=MORE_THAN,
        ),
        "parameters": Question(
            asks="parameters without pooling less those with two, in doublings",
            cases={
                level: less(with_poolings(0, head), with_poolings(2, head), PARAMETERS)
                for level, head in HEADS.items()
            },
            margin=1.0,
            reason="Half of the parameters, the least that is called a reduction.",
            rule=MORE_THAN,
            factor="head",
        ),
    },
    details={
        f"{measure.name}, none less two poolings, {level}": less(
            with_poolings(0, head), with_poolings(2, head), measure
        )
        for measure in (READOUT, ADDS, MEMORY)
        for level, head in HEADS.items()
    },
    limits="Any stride of 2 saves as much; a dense layer is where the weights are, and "
    "today's convolutional networks, which read the mean of the last map, have none.",
)
