"""B8: do larger networks still need anti-aliasing? Descriptive.

`python scripts/evaluate.py -m study=photographs`: 40 min on 2 cores.
A maintainer's remark of 2025. Three pretrained networks of one family,
EfficientNet-Lite 0, 1 and 2, on 86 photographs of 2 to 3 megapixels under windows that
move by 1 to 16 pixels: flips by size. Three networks, which differ in resolution, too,
decide nothing; rows, table and figure are in outputs/reference/photographs.
"""

from research.claims.claim import Claim

CLAIM = Claim(
    sentence="Larger networks no longer need anti-aliasing.",
    design="Pretrained EfficientNet-Lite 0, 1 and 2 on 86 photographs under windows "
    "that move by 1 to 16 px; told by size, nothing is decided.",
    setting="scenes",
    arms={},
    questions={},
    limits="Three networks that differ in resolution as well as in size.",
    command="python scripts/evaluate.py -m study=photographs",
)
