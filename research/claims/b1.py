"""B1: does a low pass before sampling help?

`python scripts/train.py experiment=b1 scale=cpu`: on 2 cores 2 h for ten seeds, shared
with C3; then CIFAR-10, secondary.
Like C3: flips where the window moves by up to 4 pixels, on images that both arms have
right. Margin: a tenth more or fewer. Piloted with C3.
"""

from research.claims.arms import HEADS, cifar, cross, each, name, pool
from research.claims.c3 import MARGIN, REASON
from research.claims.claim import Claim
from research.claims.family import CONFIRMATORY
from research.claims.measure import ACCURACY, FILLED, MOVED, STEADY, less
from research.claims.question import Question

NET = "ResNet-20"

CLAIM = Claim(
    sentence="Anti-aliasing makes a pooled network more stable under shifts.",
    design="Max pooling with and without a binomial low pass before the samples are "
    "taken; flips where the window moves, on images that both have right.",
    setting="scenes",
    arms=cross(pool, ["max", "max_blur"], ["flatten", "gap"])
    | each(cifar, ["max", "max_blur", "decimate", "blur"], words=[NET]),
    questions={
        "": Question(
            asks="log of the flips of max pooling over those with a low pass behind it",
            cases={
                level: less(name("max", head), name("max_blur", head), MOVED)
                for level, head in HEADS.items()
            },
            margin=MARGIN,
            reason=REASON,
            factor="head",
            family=CONFIRMATORY,
        )
    },
    details={
        f"{measure.name}, with a low pass less without, {level}": less(
            name("max_blur", head), name("max", head), measure
        )
        for level, head in HEADS.items()
        for measure in (ACCURACY, STEADY)
    }
    | {
        f"{measure.name}, {one} less {other}, {NET} on CIFAR-10": less(
            name(one, NET), name(other, NET), measure
        )
        for one, other in (("max_blur", "max"), ("blur", "decimate"))
        for measure in (ACCURACY, FILLED)
    },
    limits="One small network on made scenes; CIFAR-10 is secondary, with few epochs. "
    "The low pass widens the field from 18 pixels to 24 and darkens borders that are "
    "padded with zeros.",
)
