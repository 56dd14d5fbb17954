"""B1: does a low pass before sampling help?"""

from research.claims.claim import (
    ACCURACY,
    CROPPED,
    HEADS,
    SHIFTED,
    Claim,
    cifar,
    core,
    less,
)

CLAIM = Claim(
    sentence="Anti-aliasing makes a pooled network more stable under shifts.",
    contrast="agreement of two circular shifts up to 3 px on MNIST, max-blur less max",
    margin=1.0,
    levels={
        name: (less(core("max_blur", head), core("max", head), SHIFTED),)
        for name, head in HEADS.items()
    },
    factor="head",
    details={
        f"{measure.name}, {other} less decimation, global pooling": less(
            core(other, "gap"), core("decimate", "gap"), measure
        )
        for other in ("blur", "ideal", "flc", "haar", "adaptive_blur")
        for measure in (SHIFTED, ACCURACY)
    }
    | {
        f"{measure.name}, {a} less {b}, ResNet-20 on CIFAR-10": less(
            cifar(f"downsample={a}"), cifar(f"downsample={b}"), measure
        )
        for a, b in (("max_blur", "max"), ("blur", "decimate"))
        for measure in (CROPPED, ACCURACY)
    },
)
