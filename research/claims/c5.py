"""C5: max, average, median: does the median cost?

`python scripts/benchmark.py pooling rounds=30 name=reference`: minutes, on a machine
that does nothing else. Operators by themselves, forward and backward, on three sizes of
maps, windows of 2×2 and 3×3, ours and PyTorch's; the repeats of all are interleaved.
Supported if the median takes over twice the time of max in both implementations and at
all sizes; refuted if in none. Margin: one doubling, the least that is called costly.
Repeats are no seeds: outside the family that is corrected for.
"""

from research.claims.claim import Claim
from research.claims.measure import Contrast, Timed, less
from research.claims.question import Question
from research.claims.rule import MORE_THAN

SIZES = (16, 32, 64)
IMPLEMENTATIONS = ("ours", "PyTorch")
WINDOWS = (2, 3)


def times(operator: str) -> dict[str, Contrast]:
    """Returns the contrasts of an operator with max, by case."""
    return {
        f"{implementation}, {window}×{window} on {size}×{size}": less(
            operator, "max", Timed(implementation, window, size)
        )
        for implementation in IMPLEMENTATIONS
        for window in WINDOWS
        for size in SIZES
    }


CLAIM = Claim(
    sentence="Max keeps the strongest response, average uses all of them; the median "
    "is possible but costly.",
    design="The operators by themselves, forward and backward, interleaved; our best "
    "implementation and PyTorch's.",
    setting="scenes",
    arms={},
    questions={
        "": Question(
            asks="log2 of the time of the median over that of max",
            cases=times("median"),
            margin=1.0,
            reason="Twice the time, the least that is called costly.",
            rule=MORE_THAN,
            factor="implementation and size",
        )
    },
    details={
        f"average over max, {case}": one for case, one in times("average").items()
    },
    limits="One processor, named in the file of the benchmark. PyTorch has no median "
    "pooling: what was timed is written with its operations and not compiled.",
    command="python scripts/benchmark.py pooling rounds=30 name=reference",
)
