"""B4: what survives zero padding and real windows?

`python scripts/train.py experiment=b4 scale=cpu`: the runs of B2, and with circular
padding, secondary; on 2 cores 2 h more.
With circular padding and circular shifts an adaptive phase never changes the answer,
which the tests assert. Here its advantage over bare max pooling is measured where one
premise after the other is dropped: circular shifts with zero padding, then windows that
move. Margin: a tenth more or fewer flips, as in B2. Not of the corrected family.
"""

from research.claims.arms import cross, name, pool
from research.claims.c3 import MARGIN, REASON
from research.claims.claim import Claim
from research.claims.measure import FILLED, MOVED, STEADY, WRAPPED, less
from research.claims.question import Question

CIRCULAR = "circular padding"
SHIFTS = {
    "zero padding, circular shifts": WRAPPED,
    "zero padding, zero-filled shifts": FILLED,
    "zero padding, windows that move": MOVED,
}

CLAIM = Claim(
    sentence="What adaptive phases gain survives zero padding and real windows.",
    design="Adaptive phases against bare max pooling under circular shifts, zero fill "
    "and windows that move, all with zero padding; circular padding beside.",
    setting="scenes",
    arms=cross(pool, ["max", "max_aps"], ["gap"])
    | cross(
        pool, ["max", "max_aps"], ["gap"], "model.padding=circular", words=[CIRCULAR]
    ),
    questions={
        "": Question(
            asks="log of the flips of max pooling over those with adaptive phases",
            cases={
                case: less(name("max", "gap"), name("max_aps", "gap"), measure)
                for case, measure in SHIFTS.items()
            },
            margin=MARGIN,
            reason=REASON,
            factor="border",
        )
    },
    details={
        f"{measure.name}, adaptive phase less max, circular padding": less(
            name("max_aps", "gap", CIRCULAR), name("max", "gap", CIRCULAR), measure
        )
        for measure in (STEADY, MOVED)
    },
    limits="Global pooling; one small network on made scenes, and not on CIFAR-10. "
    "Whether adaptive phases are steadier by a tenth is asked, not how much of what "
    "they gain under circular shifts is left.",
)
