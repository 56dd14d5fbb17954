"""C8: is it forgotten where things are? Probes for an object's place."""

from research.claims.claim import HEADS, POINTS, Claim, Measure, core, less

LAST = 4  # of the five stages: convolution, downsampler, twice, and a convolution
PLACE = Measure(
    "R² of an object's place, read from the last map",
    "R²",
    "location",
    "r2",
    {"index": LAST, "weights": "trained", "objects": 1},
)
STAGE = Measure(
    "agreement, the second downsampler's map scrambled in blocks of 4 px",
    protocol="stage",
    measure="agreement",
    params={"index": 3, "pixels": [4, 4]},
    **POINTS,
)

CLAIM = Claim(
    sentence="Repeated pooling jumbles where the information comes from; we do not "
    "care where the maximum came from.",
    contrast="R² of a ridge probe for an object's place on the last map: without "
    "downsampling, or with bare decimation, whichever is less, less with two max "
    "poolings; 256 random features of each map",
    margin=0.05,
    levels={
        name: tuple(
            less(core(other, head), core("max", head), PLACE)
            for other in ("none", "decimate")
        )
        for name, head in HEADS.items()
    },
    factor="head",
    details={
        f"{measure.name}, {other} less max, {name}": less(
            core(other, head), core("max", head), measure
        )
        for measure in (PLACE, STAGE)
        for name, head in HEADS.items()
        for other in ("none", "decimate", "average", "strided", "max_blur", "aps")
        if (measure, other, head) != (STAGE, "none", "gap")
    },
    note="A probe reads what is there; it does not say that the network uses it.",
)
