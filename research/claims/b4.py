"""B4: what is left of 100 % with zero padding and with crops?

`python scripts/train.py experiment=b4 scale=cpu`: on 2 cores an estimated 11 min a
seed, then 26 on CIFAR-10.
Supported: aps with global pooling still agrees with itself in at least 99 % of pairs,
with zero padding, under crops, and with both; if not all, it depends on the border.
"""

from dataclasses import replace
from functools import partial

from research.claims.arms import ROUND, cifar, core, cross, each, name
from research.claims.claim import NO_OTHER_REASON, Claim
from research.claims.measure import CROPPED, SHIFTED, Contrast, Measure, less

ZERO, CIRCULAR = "zero padding", "circular padding"
BORDERS = {
    ZERO: partial(core, padding="zero"),
    CIRCULAR: partial(core, padding="circular"),
}
APS_ZERO, APS_CIRCULAR = (name("aps", "gap", border) for border in BORDERS)


def shortfall(arm: str, measure: Measure) -> Contrast:
    """Returns what an arm lacks of 100 %, as a negative number."""
    return Contrast({arm: 1.0}, replace(measure, offset=-100.0))


def pooled(*downsamples: str) -> dict[str, tuple[str, ...]]:
    """Returns downsamplers with global pooling, with either padding."""
    return {
        arm: overrides
        for border, network in BORDERS.items()
        for arm, overrides in cross(
            network, downsamples, ["gap"], words=[border]
        ).items()
    }


CLAIM = Claim(
    sentence="The 100 % of adaptive phases survive zero padding and realistic crops.",
    setting="mnist",
    arms=pooled("aps")
    | pooled("max", "none")
    | each(cifar, ["aps"], words=["ResNet-20", ZERO])
    | each(cifar, ["aps"], ROUND, words=["ResNet-20", CIRCULAR]),
    comparison="agreement of aps with global pooling on MNIST, less 100: no worse by "
    "the margin; zero padding under circular shifts, circular padding under crops",
    contrasts={
        "zero padding": (shortfall(APS_ZERO, SHIFTED),),
        "crops": (shortfall(APS_CIRCULAR, CROPPED),),
        "both": (shortfall(APS_ZERO, CROPPED),),
    },
    margin=1.0,
    reason_for_margin=NO_OTHER_REASON,
    factor="border",
    no_worse=True,
    details={
        f"{measure.name}, zero less circular padding, {one}": less(
            name(one, "gap", ZERO), name(one, "gap", CIRCULAR), measure
        )
        for one in ("aps", "max", "none")
        for measure in (SHIFTED, CROPPED)
    }
    | {
        f"{measure.name}, less 100, aps in ResNet-20, {border}": shortfall(
            name("aps", "ResNet-20", border), measure
        )
        for border in BORDERS
        for measure in (SHIFTED, CROPPED)
    },
    note="A digit of MNIST has four empty pixels around it, which makes crops easy.",
)
