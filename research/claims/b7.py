"""B7: do C3, B1 and B2 replicate on clothes?

`python scripts/train.py experiment=b7 scale=cpu`: on 2 cores an estimated 7 h for ten
seeds.
The same networks, settings, margins and rules on Fashion-MNIST over the photographs,
whose test set nobody here had looked at. The signs are those of C3a, B1 and B2; of
these the ones that were decided there count, with Holm's rule among them.
"""

from research.claims import b1, b2, c3
from research.claims.arms import HEADS, clothes, cross, name
from research.claims.claim import Claim
from research.claims.measure import ACCURACY, MOVED, less
from research.claims.question import Question

ORIGINALS = {
    "C3a": c3.CLAIM.questions["a"],
    "B1": b1.CLAIM.questions[""],
    "B2": b2.CLAIM.questions[""],
}
PAIRS = {
    "C3a": ("decimate", "max"),
    "B1": ("max", "max_blur"),
    "B2": ("max_blur", "max_aps"),
}

CLAIM = Claim(
    sentence="What was found with digits holds with clothes.",
    design="C3a, B1 and B2 again with Fashion-MNIST's clothes over the photographs, "
    "nothing else changed.",
    setting="fashion",
    arms=cross(clothes, ["decimate", "max", "max_blur", "max_aps"], ["flatten", "gap"]),
    questions={
        key: Question(
            asks=ORIGINALS[key].asks,
            cases={
                level: less(name(one, head), name(other, head), MOVED)
                for level, head in HEADS.items()
            },
            margin=ORIGINALS[key].margin,
            reason=ORIGINALS[key].reason,
            factor="head",
        )
        for key, (one, other) in PAIRS.items()
    },
    details={
        f"accuracy, {one} less {other}, {level}": less(
            name(one, head), name(other, head), ACCURACY
        )
        for one, other in PAIRS.values()
        for level, head in HEADS.items()
    },
    limits="The same network and photographs as in C3.",
)
