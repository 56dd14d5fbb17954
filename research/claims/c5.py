"""C5: max, average, median: is the median possible, and does it cost?

`python scripts/train.py experiment=c5 scale=cpu`: on 2 cores an estimated 8 min a seed.
Supported: with 3×3 median pooling the network trains at least 16 % (a quarter of a
doubling) slower than with 3×3 max pooling.
"""

from research.claims.arms import core, cross, name
from research.claims.claim import NO_OTHER_REASON, Claim
from research.claims.measure import ACCURACY, SHIFTED, SPEED, less

WIDE = "downsample.reduce.window=3"
MAX = name("max", "flatten")
OTHERS = {
    "average": name("average", "flatten"),
    "median": name("median", "flatten"),
    "L2": name("lp", "flatten"),
    "soft": name("soft", "flatten"),
    "max 3×3": name("max", "flatten", "3×3 windows"),
    "average 3×3": name("average", "flatten", "3×3 windows"),
    "median 3×3": name("median", "flatten", "3×3 windows"),
}

CLAIM = Claim(
    sentence="Max keeps the strongest response, average uses all of them; the median "
    "is possible but costly.",
    setting="mnist",
    arms=cross(
        core, ["max", "median", "average"], ["flatten"], WIDE, words=["3×3 windows"]
    )
    | cross(core, ["max", "average", "median", "lp", "soft"], ["flatten"]),
    comparison="training images a second with 3×3 max pooling, less with 3×3 median "
    "pooling, in doublings; one network and last map",
    contrasts={
        "3×3 windows": (less(OTHERS["max 3×3"], OTHERS["median 3×3"], SPEED),),
    },
    margin=0.25,
    reason_for_margin="A quarter of a doubling is 16 % of the time. " + NO_OTHER_REASON,
    details={
        f"{measure.name}, max less {other}": less(MAX, arm, measure)
        for other, arm in OTHERS.items()
        for measure in (ACCURACY, SHIFTED, SPEED)
    },
    note="The whole network is timed, as it trains; speeds are those of the machine "
    "in the runs' provenance, whatever else it did.",
)
