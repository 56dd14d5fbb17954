"""B7: do C3a, B1 and B2 replicate on clothes?

`python scripts/train.py experiment=b7 scale=cpu`: on 2 cores an estimated 4 h for ten
seeds.
The same networks, settings and margins on Fashion-MNIST over the photographs, whose
test set nobody here had looked at. Registered anew before the first run, when the
originals had been decided: each question is put so that `supported` is what was found
with digits. There bare strides flip more often than max pooling and max pooling more
often than with a low pass, under both heads; adaptive phases flip more often than a
low pass under global pooling, and no differently where the map is flattened. These four
are a family of their own, corrected by Holm's rule.
"""

from collections.abc import Mapping

from research.claims import b1, b2, c3
from research.claims.arms import HEADS, clothes, cross, name
from research.claims.claim import Claim
from research.claims.family import REPLICATION
from research.claims.measure import ACCURACY, MOVED, Contrast, less
from research.claims.question import Question
from research.claims.rule import DIFFERENCE, SAME, Rule

C3A, B1, B2 = (
    c3.CLAIM.questions["a"],
    b1.CLAIM.questions[""],
    b2.CLAIM.questions[""],
)
PAIRS = {
    "C3a": ("decimate", "max"),
    "B1": ("max", "max_blur"),
    "B2": ("max_blur", "max_aps"),
}


def flips(more: str, fewer: str, head: str) -> Contrast:
    """The log of the flips of one downsampler over those of another."""
    return less(name(more, head), name(fewer, head), MOVED)


def both(more: str, fewer: str) -> dict[str, Contrast]:
    """The same under each head, by its name."""
    return {level: flips(more, fewer, head) for level, head in HEADS.items()}


def again(
    original: Question,
    cases: Mapping[str, Contrast],
    *,
    asks: str = "",
    rule: Rule = DIFFERENCE,
) -> Question:
    """An original question, asked of clothes in the direction that was found."""
    return Question(
        asks=asks or original.asks,
        cases=cases,
        margin=original.margin,
        reason=original.reason,
        rule=rule,
        factor="head" if len(cases) > 1 else "",
        family=REPLICATION,
    )


CLAIM = Claim(
    sentence="What was found with digits holds with clothes.",
    design="C3a, B1 and B2 again with Fashion-MNIST's clothes over the photographs, "
    "nothing else changed; supported is what was found with digits.",
    setting="fashion",
    arms=cross(clothes, ["decimate", "max", "max_blur", "max_aps"], ["flatten", "gap"]),
    questions={
        "C3a": again(C3A, both(*PAIRS["C3a"])),
        "B1": again(B1, both(*PAIRS["B1"])),
        "B2, global pooling": again(
            B2,
            {"": flips("max_aps", "max_blur", "gap")},
            asks="log of the flips with adaptive phases over those with a low pass, "
            "global pooling",
        ),
        "B2, flattened": again(
            B2,
            {"": flips("max_blur", "max_aps", "flatten")},
            asks=f"{B2.asks}, flattened",
            rule=SAME,
        ),
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
