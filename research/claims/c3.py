"""C3: robust to small changes? Against no downsampling and against bare decimation."""

from research.claims.claim import (
    ACCURACY,
    HEADS,
    POINTS,
    SHIFTED,
    Claim,
    Measure,
    core,
    less,
)

WORST = Measure(
    "images with one prediction over all 784 circular shifts",
    protocol="orbit",
    measure="worst_agreement",
    **POINTS,
)
CHANGES = {
    "rotated by 15°": ("rotation", 15),
    "scaled by 0.9": ("scale", 0.9),
    "with noise of 0.1": ("noise", 0.1),
    "warped by 1 px": ("elastic", 1.0),
}


def changed(protocol: str, amount: float | int) -> Measure:
    """Returns agreement under a small change that is no shift."""
    return Measure(
        f"agreement, {protocol} {amount}",
        protocol=protocol,
        measure="agreement",
        params={"amount": amount},
        **POINTS,
    )


CLAIM = Claim(
    sentence="Pooling makes the network robust to small changes of the input.",
    contrast="agreement of two circular shifts up to 3 px: max less no downsampling, "
    "or less bare decimation, whichever is less; circular padding, never trained on "
    "shifts, on MNIST",
    margin=1.0,
    levels={
        name: tuple(
            less(core("max", head), core(other, head), SHIFTED)
            for other in ("none", "decimate")
        )
        for name, head in HEADS.items()
    },
    factor="head",
    details={
        f"{measure.name}, max less {other}, {name}": less(
            core("max", head), core(other, head), measure
        )
        for name, head in HEADS.items()
        for other in ("none", "decimate")
        for measure in (
            SHIFTED,
            WORST,
            ACCURACY,
            *(changed(*change) for change in CHANGES.values()),
        )
    },
    note="With circular padding and global pooling a network without downsampling "
    "answers alike at all shifts, by construction.",
)
