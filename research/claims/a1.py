"""A1: what an accelerator adds: five ways to downsample in airbench94's network.

`python scripts/train.py experiment=a1 scale=full`: on one H100 an estimated ten
minutes, by `scripts/accelerator.sh tier`.
Descriptive, and none of the eighteen: the contrasts of C3, C4 and B1 to B4 in a network
of 2 million weights, trained by its own recipe on colour photographs, beside the small
networks of the other claims. Each arm has the best of three learning rates, tried on
seed 1000 with 5,000 images held out. Trained with crops that are shifted by up to 2
pixels, as the recipe says, and without.
"""

from research.claims.arms import Overrides, name
from research.claims.claim import Claim
from research.claims.measure import ACCURACY, FILLED, WRAPPED, Contrast, less

STILL, SHIFTED = "never shifted", "shifted in training"
TRAINING = {STILL: "augment.shift=0", SHIFTED: "augment.shift=2"}
ARMS = ("max", "decimate", "strided", "max_blur", "max_aps")
FLIPS = {  # claim → which flips, the options that it compares
    "C3": (FILLED, "decimate", "max"),
    "C4": (FILLED, "strided", "max"),
    "B1": (FILLED, "max", "max_blur"),
    "B2": (FILLED, "max_blur", "max_aps"),
    "B4": (WRAPPED, "max", "max_aps"),
}


def arms() -> dict[str, Overrides]:
    """Returns each way to downsample, trained with shifts and without."""
    return {
        name(option, words): (f"downsample={option}", shift)
        for words, shift in TRAINING.items()
        for option in ARMS
    }


def details() -> dict[str, Contrast]:
    """Returns the contrasts: flips, what shifts in training change, accuracies."""
    found: dict[str, Contrast] = {}
    for words in TRAINING:
        for claim, (flips, one, other) in FLIPS.items():
            title = f"{claim}: log {flips.name}, {name(one)} over {name(other)}"
            arm, base = name(one, words), name(other, words)
            found[f"{title}, {words}"] = less(arm, base, flips)
    for option in ARMS:
        title = f"B3: log {FILLED.name}, {STILL} over {SHIFTED}, {name(option)}"
        still, moved = name(option, STILL), name(option, SHIFTED)
        found[title] = less(still, moved, FILLED)
    for words in TRAINING:
        for option in ARMS[1:]:
            title = f"accuracy, {name(option)} less max, {words}"
            arm, base = name(option, words), name("max", words)
            found[title] = less(arm, base, ACCURACY)
    return found


CLAIM = Claim(
    sentence="What came out on small networks holds for airbench94's on CIFAR-10.",
    design="The network and recipe of airbench94, five ways to downsample, trained "
    "with shifts and without; flips and accuracy, on images that both have right.",
    setting="airbench",
    arms=arms(),
    questions={},
    details=details(),
    limits="Secondary: no margin was set, nothing is corrected for the number of "
    "contrasts. A strided convolution adds weights. One data set, ten epochs.",
    command="python scripts/train.py experiment=a1 scale=full",
)
