"""C4: do strided convolutions do as well? All-CNN against ConvPool-CNN.

`python scripts/train.py experiment=c4 scale=cpu`: on 2 cores 1 h 10 min for ten
seeds.
All-CNN and ConvPool-CNN have as many weights; each is tuned. Margin: a quarter of a
point, a quarter of the errors of such networks on MNIST: no worse by that.
Piloted on seed 1000 with 2,000 images for validation: at a rate of .003 All-CNN has
98.35 % after 12 epochs and 98.40 after 24.
"""

from research.claims.arms import NETS, net
from research.claims.claim import Claim
from research.claims.family import CONFIRMATORY
from research.claims.measure import ACCURACY, FILLED, PARAMETERS, SPEED, less
from research.claims.question import Question
from research.claims.rule import NO_WORSE

ALL, POOLED = NETS["all"], NETS["convpool"]
STRIDED, MODEL = NETS["strided"], NETS["model"]

CLAIM = Claim(
    sentence="Strided convolutions are replacing max pooling.",
    design="All-CNN, whose convolutions have strides, against ConvPool-CNN, which has "
    "as many weights and max pooling; each tuned, 10,000 images of MNIST a seed.",
    setting="mnist",
    arms={ALL: net("all"), POOLED: net("convpool")}
    | {STRIDED: net("strided"), MODEL: net("model")},
    questions={
        "": Question(
            asks="accuracy of All-CNN less that of ConvPool-CNN",
            cases={"": less(ALL, POOLED, ACCURACY)},
            margin=0.25,
            reason="A quarter of the errors that such networks make on MNIST.",
            rule=NO_WORSE,
            family=CONFIRMATORY,
        )
    },
    details={
        "accuracy, Strided-CNN less Model-C": less(STRIDED, MODEL, ACCURACY),
        "log flips, All-CNN over ConvPool-CNN": less(ALL, POOLED, FILLED),
        "parameters, All-CNN less ConvPool-CNN": less(ALL, POOLED, PARAMETERS),
        "training speed, All-CNN less ConvPool-CNN": less(ALL, POOLED, SPEED),
    },
    limits="That they do as well is asked, not whether people use them; MNIST. As "
    "published, ConvPool-CNN convolves once more before each pooling, at full "
    "resolution, and so sees 33 pixels, All-CNN 27 of 28.",
)
