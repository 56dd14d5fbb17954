"""B4: what is left of 100 % with zero padding and with crops?"""

from dataclasses import replace

from research.claims.claim import CROPPED, SHIFTED, Claim, Contrast, cifar, core, less

MISSING = {"offset": -100.0}
ZERO = {name: core(name, "gap", padding="zero") for name in ("aps", "max", "none")}
ROUND = "model.padding=circular"

CLAIM = Claim(
    sentence="The 100 % of adaptive phases survive zero padding and realistic crops.",
    contrast="agreement of aps with global pooling on MNIST, less 100: no worse by the "
    "margin; zero padding under circular shifts, circular padding under crops",
    margin=1.0,
    levels={
        "zero padding": (Contrast({ZERO["aps"]: 1.0}, replace(SHIFTED, **MISSING)),),
        "crops": (Contrast({core("aps", "gap"): 1.0}, replace(CROPPED, **MISSING)),),
        "both": (Contrast({ZERO["aps"]: 1.0}, replace(CROPPED, **MISSING)),),
    },
    factor="border",
    no_worse=True,
    details={
        f"{measure.name}, zero less circular padding, {name}": less(
            zero, core(name, "gap"), measure
        )
        for name, zero in ZERO.items()
        for measure in (SHIFTED, CROPPED)
    }
    | {
        f"{measure.name}, less 100, aps in ResNet-20, {name}": Contrast(
            {cifar("downsample=aps", *more): 1.0}, replace(measure, **MISSING)
        )
        for name, more in {"zero padding": (), "circular padding": (ROUND,)}.items()
        for measure in (SHIFTED, CROPPED)
    },
    note="A digit of MNIST has four empty pixels around it, which makes crops easy.",
)
