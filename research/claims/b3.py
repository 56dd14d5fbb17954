"""B3: does training on shifts make the architecture irrelevant?

`python scripts/train.py experiment=b3 scale=cpu`: on 2 cores 3 h for ten seeds.
Four arms trained on windows that move by up to 4 pixels, then compared two by two under
such moves. Irrelevant: each pair is equivalent, within a quarter more or fewer flips,
twice the margin of B1, as "irrelevant" is more than "not proven different". No arm is
invariant by construction. Piloted with C3.

The rule that was registered wants one outcome of all twelve pairs. That was a mistake:
it refutes the sentence only if every pair differs, and each in the direction in which
its two networks happen to be listed. One pair that differs is enough to refute a
sentence about all of them. The second question asks that; it was added when the result
was known, and is labelled so.
"""

import math
from itertools import combinations

from research.claims.arms import HEADS, SHIFTS, TRAINED, WORDS, cross, name, pool
from research.claims.claim import Claim
from research.claims.family import CONFIRMATORY
from research.claims.measure import ACCURACY, MOVED, STEADY, less
from research.claims.question import Question
from research.claims.rule import EVERY, SAME

FOUR = ("decimate", "max", "max_blur", "max_aps")
BOTH = ["flatten", "gap"]

ASKS = (
    "log of the flips of one architecture over those of another, both trained on shifts"
)
MARGIN, REASON = math.log(1.25), "A quarter more flips is no longer irrelevant."
PAIRS = {
    f"{WORDS.get(one, one)} over {WORDS.get(other, other)}, {level}": less(
        name(one, head, TRAINED), name(other, head, TRAINED), MOVED
    )
    for level, head in HEADS.items()
    for one, other in combinations(FOUR, 2)
}

CLAIM = Claim(
    sentence="Training on shifted images makes the architecture irrelevant.",
    design="Bare strides, max pooling, with a low pass, with adaptive phases, all "
    "trained on windows that move; flips two by two, on images that both have right.",
    setting="scenes",
    arms=cross(pool, FOUR, BOTH, *SHIFTS, words=[TRAINED]) | cross(pool, FOUR, BOTH),
    questions={
        "": Question(ASKS, PAIRS, MARGIN, REASON, rule=SAME, family=CONFIRMATORY),
        "every pair, asked afterwards": Question(
            f"{ASKS}; one pair that differs is enough",
            PAIRS,
            MARGIN,
            REASON,
            rule=EVERY,
            afterwards=True,
        ),
    },
    details={
        f"{measure.name}, trained on shifts less not, {name(one, head)}": less(
            name(one, head, TRAINED), name(one, head), measure
        )
        for head in BOTH
        for one in FOUR
        for measure in (ACCURACY, STEADY)
    },
    limits="One small network on made scenes; shifts as large as those trained on. The "
    "fields differ: 15 pixels with bare strides, 18 with max pooling, 24 with a low "
    "pass, the whole map with adaptive phases.",
)
