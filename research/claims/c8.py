"""C8: is it forgotten where things are? Three readings.

`python scripts/train.py experiment=c8 scale=cpu`: on 2 cores 2 h for ten seeds.
(a) A small convolutional probe reads an object's place modulo 4 pixels, the network's
stride, from the last map; chance is 1/16, and unless it reads 95 % from the pixels
nothing is decided. Margin: 10 points.
(b) `switches`: what the places of the maxima add to a reconstruction of the map before
the last pooling. Margin: a tenth of the map's norm. They cannot make it worse, so less
than the margin refutes.
(c) Which pixels are the object's? Boundary IoU of the object with one decoder behind
max pooling, bare strides and adaptive phases. It puts values back on the phase that
they were kept from: without that an adaptive phase would lose by construction, since
the decoder would have to guess it. Margin: 2 points.
Piloted on seeds 1000 to 1011 for (a): pixels are read at 97.9–99.6 %; after 5 epochs
max, bare stride and dilated none 91, 97 and 98 %, untrained 93, 97 and 99: the
differences are expected below the margin, and the margin stays. Since training matters
so little to the probe, these networks are trained for 16 epochs, half of what rule 3
asks for on these scenes.
Registered anew twice before the first run. First, after a pilot on seed 1000: label
maps are trained for 32 epochs and not 8, and learning rates three times as high are
tried; behind max pooling and a bilinear decoder they named 97.7, 98.1 and 98.3 % of the
pixels of 500 validation images after 8, 16 and 32 epochs. The last doubling still gains
.26 point, so rule 3 is not quite met; another was not tried. Then, after a review of
the design: the decoder, the object's IoU in place of a mean with the background's, a
question of its own for adaptive phases, the condition of (a) and the rule of (b).
"""

from research.claims.arms import WIDE, in_setting, name
from research.claims.claim import Claim
from research.claims.family import CONFIRMATORY
from research.claims.measure import ACCURACY, Measure, between, less, only, proportion
from research.claims.question import Question
from research.claims.rule import MORE_THAN

PLACE = proportion(
    "place of an object modulo 4 px, read from the last map",
    "offset",
    "accuracy",
    of="map",
    weights="trained",
)
UNTRAINED = proportion(
    "the same with parameters drawn anew",
    "offset",
    "accuracy",
    of="map",
    weights="untrained",
)
MISREAD = Measure(
    "places that the probe misreads from the pixels",
    "percentage points",
    "offset",
    "accuracy",
    {"of": "pixels"},
    scale=-100.0,
    offset=100.0,
)
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
OBJECT = {"class": 1, "distance": 1}
BOUNDARY = proportion(
    "boundary IoU of the object", "segmentation", "boundary_iou", **OBJECT
)
WHOLE = proportion("IoU of the object", "segmentation", "iou", **{"class": 1})
POOLED = name("max", "flatten")
OTHERS = {"no downsampling": name("none", "flatten")} | {
    "bare stride": name("decimate", "flatten")
}
MAPS = {one: name(one, "label maps") for one in ("max", "decimate", "max_aps")}
CONTOUR = "One pixel in fifty of the contour: less is not worth another decoder."

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
        arm: in_setting("maps", (f"downsample={one}", "upsample=lpu"))
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
            conditions=(only(POOLED, MISREAD),),
            limit=5.0,
            family=CONFIRMATORY,
        ),
        "places of the maxima": Question(
            asks="error of reconstruction of the map before the last max pooling, "
            "without the places of the maxima less that with them",
            cases={"": between(POOLED, ERROR[False], ERROR[True])},
            margin=10.0,
            reason="A tenth of the map's norm.",
            rule=MORE_THAN,
        ),
        "boundaries": Question(
            asks="boundary IoU of the object with bare strides less that with max "
            "pooling",
            cases={"": less(MAPS["decimate"], MAPS["max"], BOUNDARY)},
            margin=2.0,
            reason=CONTOUR,
        ),
        "boundaries, adaptive phase": Question(
            asks="boundary IoU of the object with max pooling at an adaptive phase "
            "less that with max pooling",
            cases={"": less(MAPS["max_aps"], MAPS["max"], BOUNDARY)},
            margin=2.0,
            reason=CONTOUR,
        ),
    },
    details={
        f"{measure.name}, {level} less max": less(other, POOLED, measure)
        for measure in (UNTRAINED, ACCURACY)
        for level, other in OTHERS.items()
    }
    | {
        f"{WHOLE.name}, {one} less max": less(MAPS[one], MAPS["max"], WHOLE)
        for one in ("decimate", "max_aps")
    },
    limits="A probe reads what is there; it does not say that the network uses it. The "
    "fields differ: 18 pixels with max pooling, 15 with bare strides, 19 dilated, for "
    "an object of 17. Without downsampling the probe reads 16 times as many values. "
    "What the probe reads was trained for 16 epochs, half of what these scenes need.",
)
