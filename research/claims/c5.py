"""C5: max, average, median: is the median possible, and does it cost?"""

from research.claims.claim import ACCURACY, SHIFTED, SPEED, Claim, core, less

WIDE = "downsample.reduce.window=3"
MAX = core("max", "flatten")
OTHERS = {
    "average": core("average", "flatten"),
    "median": core("median", "flatten"),
    "L2": core("lp", "flatten"),
    "soft": core("soft", "flatten"),
    "max 3×3": core("max", "flatten", WIDE),
    "average 3×3": core("average", "flatten", WIDE),
    "median 3×3": core("median", "flatten", WIDE),
}

CLAIM = Claim(
    sentence="Max keeps the strongest response, average uses all of them; the median "
    "is possible but costly.",
    contrast="training images a second with 3×3 max pooling, less with 3×3 median "
    "pooling, in doublings; one network and last map",
    margin=0.25,
    levels={
        "3×3 windows": (less(OTHERS["max 3×3"], OTHERS["median 3×3"], SPEED),),
    },
    details={
        f"{measure.name}, max less {name}": less(MAX, other, measure)
        for name, other in OTHERS.items()
        for measure in (ACCURACY, SHIFTED, SPEED)
    },
    note="The whole network is timed, as it trains; speeds are those of the machine "
    "in the runs' provenance, whatever else it did.",
)
