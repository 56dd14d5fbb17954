"""B3: does training on shifts make the architecture irrelevant?"""

from research.claims.claim import ACCURACY, HEADS, SHIFTED, Claim, core, less

MOVED = ("augment=circular", "augment.shift=3")

CLAIM = Claim(
    sentence="Training on shifted images makes the architecture irrelevant.",
    contrast="agreement of two circular shifts up to 3 px on MNIST, bare decimation "
    "less aps, both trained on such shifts: no worse by the margin",
    margin=1.0,
    levels={
        name: (
            less(core("decimate", head, *MOVED), core("aps", head, *MOVED), SHIFTED),
        )
        for name, head in HEADS.items()
    },
    factor="head",
    no_worse=True,
    details={
        f"{measure.name}, {other} trained on shifts less not, {name}": less(
            core(other, head, *MOVED), core(other, head), measure
        )
        for name, head in HEADS.items()
        for other in ("decimate", "max", "max_blur", "aps")
        for measure in (SHIFTED, ACCURACY)
    },
)
