"""B2: does choosing the phase beat filtering?"""

from research.claims.claim import (
    ACCURACY,
    HEADS,
    SHIFTED,
    Claim,
    cifar,
    core,
    less,
)

ROUND = "model.padding=circular"

CLAIM = Claim(
    sentence="Adaptive sampling phases make a network more stable under shifts than "
    "anti-aliasing does.",
    contrast="agreement of two circular shifts up to 3 px on MNIST, aps less max-blur, "
    "circular padding",
    margin=0.5,
    levels={
        name: (less(core("aps", head), core("max_blur", head), SHIFTED),)
        for name, head in HEADS.items()
    },
    factor="head",
    details={
        f"{measure.name}, {other} less max-blur, global pooling": less(
            core(other, "gap"), core("max_blur", "gap"), measure
        )
        for other in ("aps", "lps", "max_aps", "blur_aps")
        for measure in (SHIFTED, ACCURACY)
    }
    | {
        f"{measure.name}, aps less {other}, circular ResNet-20 on CIFAR-10": less(
            cifar("downsample=aps", ROUND), cifar(f"downsample={other}", ROUND), measure
        )
        for other in ("blur", "decimate")
        for measure in (SHIFTED, ACCURACY)
    },
)
