"""C6: does pooling let later layers see further? A label that needs a distance.

`python scripts/train.py experiment=c6 scale=cpu`: on 2 cores 1 h for ten seeds.
How does removing the max pooling layers reduce the amount of the image that is looked
at? Three convolutions see 7 pixels, with two poolings 18, and dilated or six more of
them without pooling 19. Two marks lie 14 pixels apart, and the label is whether one is
below or beside the other: what no unit sees at once, a local readout of a network
without strides cannot tell.
(Six plain convolutions see 13, where tips of both marks show: borderline, and
registered as such.)
(a) Is the growth exponential? Exact: what a fourth layer multiplies the field by.
(b) "Nothing beyond" is refuted if nine plain convolutions reach 95 %.
(c) It is the stride: bare strides as accurate as max pooling, margin 5 points, a tenth
of the way from chance to perfect; (d) the same with marks 10 pixels apart, since the
pilot (seeds 1000 and 1001) gave bare strides 93–94 % at 14 pixels, where max pooling
has 100: the 18 pixels just hold both marks.
"""

from research.claims.arms import Overrides
from research.claims.claim import Claim
from research.claims.family import CONFIRMATORY
from research.claims.measure import ACCURACY, Measure, less, only
from research.claims.question import Question
from research.claims.rule import LESS_THAN, MORE_THAN, SAME

FIELD = Measure(
    "theoretical receptive field",
    "doublings",
    "cost",
    "receptive_height",
    log2=True,
    exact=True,
)
PLAIN = "without pooling, {} convolutions"
STRIDE = "two bare strides"
MAX, AVERAGE = "two max poolings", "two average poolings"
DEEPER = "three max poolings, four convolutions"
NEAR = ", 10 px"


def plain(convolutions: int) -> Overrides:
    """Convolutions without any downsampling."""
    widths = ",".join(["16", *["32"] * (convolutions - 1)])
    return ("downsample=max", "model.poolings=0", f"model.widths=[{widths}]")


def two(downsample: str, *more: str) -> Overrides:
    """Three convolutions, the first two of which are followed by a downsampler."""
    return (f"downsample={downsample}", "model.poolings=2", *more)


ARMS = {PLAIN.format(one): plain(one) for one in (3, 4, 6, 9)} | {
    "dilated 1, 3, 5": (*plain(3), "model.dilation=[1,3,5]"),
    "7×7 windows": (*plain(3), "model.window=7"),
    STRIDE: two("decimate"),
    AVERAGE: two("average"),
    MAX: two("max"),
    DEEPER: ("downsample=max", "model.poolings=3", "model.widths=[16,32,32,32]"),
    STRIDE + NEAR: two("decimate", "data.builder.distance=10"),
    MAX + NEAR: two("max", "data.builder.distance=10"),
}

CLAIM = Claim(
    sentence="With pooling later layers see more of the image, exponentially in depth; "
    "without it nothing beyond the initial area.",
    design="Marks 14 pixels apart and a local readout: without strides a network "
    "answers only if one unit sees both. Fields of 7 to 38 pixels by pooling, depth, "
    "dilation and window.",
    setting="marks",
    arms=ARMS,
    questions={
        "exponential": Question(
            asks="what a fourth layer multiplies the receptive field by, in doublings, "
            "with a pooling after each layer before",
            cases={"": less(DEEPER, MAX, FIELD)},
            margin=0.9,
            reason="Nearly a factor of 2 for each layer; without pooling the fourth "
            "layer multiplies the field by 9/7, .36 of a doubling.",
            rule=MORE_THAN,
        ),
        "nothing beyond": Question(
            asks="accuracy of nine convolutions without pooling, in excess of 95 %",
            cases={"": only(PLAIN.format(9), ACCURACY, above=95.0)},
            margin=0.0,
            reason="95 % is as good as solved where chance is 50.",
            rule=LESS_THAN,
        ),
        "the stride": Question(
            asks="accuracy with two bare strides less that with two max poolings",
            cases={"": less(STRIDE, MAX, ACCURACY)},
            margin=5.0,
            reason="A tenth of the way from chance to perfect.",
            rule=SAME,
            family=CONFIRMATORY,
        ),
        "the stride, 10 px": Question(
            asks="accuracy with two bare strides less that with two max poolings, "
            "marks 10 pixels apart",
            cases={"": less(STRIDE + NEAR, MAX + NEAR, ACCURACY)},
            margin=5.0,
            reason="As above; the field of 18 pixels holds both marks with room.",
            rule=SAME,
        ),
    },
    details={
        f"accuracy, {arm} less three convolutions without pooling": less(
            arm, PLAIN.format(3), ACCURACY
        )
        for arm in (PLAIN.format(6), PLAIN.format(9), "dilated 1, 3, 5")
    }
    | {
        f"accuracy, {arm} less three convolutions without pooling": less(
            arm, PLAIN.format(3), ACCURACY
        )
        for arm in ("7×7 windows", STRIDE, AVERAGE, MAX)
    }
    | {
        "receptive field, a fourth convolution without pooling": less(
            PLAIN.format(4), PLAIN.format(3), FIELD
        )
    },
    limits="Made data in which distance is all that counts; circular padding, so that "
    "the field of 38 pixels wraps around a canvas of 32. With strides a readout can "
    "also tell by what no unit sees.",
)
