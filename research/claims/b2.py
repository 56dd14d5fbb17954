"""B2: does choosing the phase beat filtering?

`python scripts/train.py experiment=b2 scale=cpu`: on 2 cores 2 h for ten seeds, shared
with B1.
Like for like: the same maxima, once filtered, once sampled at the phase of highest
energy. Zero padding and windows that move, where no theorem holds; that the adaptive
phase is exact under circular shifts with circular padding is asserted by the tests.
Margin: a tenth more or fewer flips. Piloted with C3.
"""

from research.claims.arms import HEADS, cross, name, pool
from research.claims.c3 import MARGIN, REASON
from research.claims.claim import Claim
from research.claims.family import CONFIRMATORY
from research.claims.measure import ACCURACY, MOVED, STEADY, WRAPPED, less
from research.claims.question import Question

CLAIM = Claim(
    sentence="Adaptive sampling phases make a network more stable under shifts than "
    "anti-aliasing does.",
    design="The same maxima, filtered, or sampled at the phase of highest energy; "
    "flips where the window moves, zero padding, on images that both have right.",
    setting="scenes",
    arms=cross(pool, ["max_blur", "max_aps"], ["flatten", "gap"]),
    questions={
        "": Question(
            asks="log of the flips with a low pass over those with adaptive phases",
            cases={
                level: less(name("max_blur", head), name("max_aps", head), MOVED)
                for level, head in HEADS.items()
            },
            margin=MARGIN,
            reason=REASON,
            factor="head",
            family=CONFIRMATORY,
        )
    },
    details={
        f"{measure.name}, adaptive phase less low pass, {level}": less(
            name("max_aps", head), name("max_blur", head), measure
        )
        for level, head in HEADS.items()
        for measure in (ACCURACY, STEADY, WRAPPED)
    },
    limits="One small network on made scenes. The low pass widens the field from 18 "
    "pixels to 24 and darkens borders that are padded with zeros; the adaptive phase "
    "depends on the whole map.",
)
