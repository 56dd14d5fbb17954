"""C8: is it forgotten where things are? Three readings.

`python scripts/train.py experiment=c8 scale=cpu`: on 2 cores an estimated 3 h for ten
seeds.
(a) A small convolutional probe reads an object's place modulo 4 pixels, the network's
stride, from the last map; pixels are its control, chance is 1/16. Margin: 10 points.
(b) `switches`: what the places of the maxima add to a reconstruction of the map before
the last pooling. Margin: a tenth of the map's norm.
(c) Which pixels are the object's? Boundary IoU of one decoder behind max pooling, bare
strides and adaptive phases. Margin: 2 points.
Piloted on seeds 1000 to 1011 for (a): pixels are read at 97.9–99.6 %; after 5 epochs
max, bare stride and dilated none 91, 97 and 98 %, untrained 93, 97 and 99: the
differences are expected below the margin, and the margin stays. (b) and (c) were not.
Registered anew before the first run: the label maps of (c) are trained for 32 epochs
and not 8, and learning rates three times as high are tried. On seed 1000, behind max
pooling, they name 97.7, 98.1 and 98.3 % of the pixels of 500 validation images after 8,
16 and 32 epochs. The last doubling still gains .26 point, so rule 3 is not quite met;
another was not tried.
"""

from research.claims.arms import WIDE, in_setting, name
from research.claims.claim import Claim
from research.claims.family import CONFIRMATORY
from research.claims.measure import Measure, between, less, proportion
from research.claims.question import Question

PLACE = proportion(
    "place of an object modulo 4 px, read from the last map",
    "offset",
    "accuracy",
    of="map",
    weights="trained",
)
UNTRAINED = proportion(
    "the same before training", "offset", "accuracy", of="map", weights="untrained"
)
PIXELS = proportion("the same from the pixels", "offset", "accuracy", of="pixels")
LAST_POOLING = 3  # of the stages: convolution, pooling, convolution, pooling, …
ERROR = {
    known: Measure(
        f"error of reconstruction {'with' if known else 'without'} the places",
        "points of the norm",
        "switches",
        "error",
        {"index": LAST_POOLING, "switches": known, "elsewhere": "spread"},
        scale=100.0,
    )
    for known in (False, True)
}
BOUNDARY = proportion("boundary IoU", "segmentation", "boundary_iou")
POOLED = name("max", "flatten")
OTHERS = {"no downsampling": name("none", "flatten")} | {
    "bare stride": name("decimate", "flatten")
}
MAPS = {one: name(one, "label maps") for one in ("max", "decimate", "max_aps")}

CLAIM = Claim(
    sentence="Repeated pooling jumbles where the information comes from; we do not "
    "care where the maximum came from.",
    design="A probe for an object's place modulo the stride on the last map; what the "
    "places of the maxima restore; boundaries of objects behind one decoder.",
    setting="places",
    arms={
        POOLED: ("downsample=max",),
        OTHERS["bare stride"]: ("downsample=decimate",),
        OTHERS["no downsampling"]: ("downsample=none", WIDE),
    }
    | {
        arm: in_setting("maps", (f"downsample={one}", "upsample=bilinear"))
        for one, arm in MAPS.items()
    },
    questions={
        "probe": Question(
            asks="accuracy of the probe without downsampling, and with bare strides, "
            "less that with max pooling",
            cases={
                level: less(other, POOLED, PLACE) for level, other in OTHERS.items()
            },
            margin=10.0,
            reason="Pixels are read at 98 %, chance is 6 %: a tenth of the way.",
            family=CONFIRMATORY,
        ),
        "places of the maxima": Question(
            asks="error of reconstruction of the map before the last max pooling, "
            "without the places of the maxima less that with them",
            cases={"": between(POOLED, ERROR[False], ERROR[True])},
            margin=10.0,
            reason="A tenth of the map's norm.",
        ),
        "boundaries": Question(
            asks="boundary IoU of label maps with bare strides, and with adaptive "
            "phases, less that with max pooling",
            cases={
                level: less(MAPS[one], MAPS["max"], BOUNDARY)
                for level, one in (
                    ("bare stride", "decimate"),
                    ("adaptive phase", "max_aps"),
                )
            },
            margin=2.0,
            reason="What networks of neighbouring sizes differ by in segmentation.",
        ),
    },
    details={
        f"{measure.name}, {level} less max": less(other, POOLED, measure)
        for measure in (UNTRAINED, PIXELS)
        for level, other in OTHERS.items()
    },
    limits="A probe reads what is there; it does not say that the network uses it.",
)
