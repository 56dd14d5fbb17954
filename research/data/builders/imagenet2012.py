"""ImageNet (ILSVRC 2012) from class folders of its JPEGs; see `builders.folder`.

1.28 million training images and 50,000 for validation, in 1,000 classes:
https://www.image-net.org.
"""

from __future__ import annotations

from research.data.builders import folder
from research.data.origin import Spec, describe_overrides
from research.data.published import Published

# What conf/data/imagenet2012.yaml says.
USUAL = {
    "name": "imagenet2012",
    "version": "5.1.0",
    "shape": "[224,224,3]",
    "classes": 1000,
}


def from_files(spec: Spec) -> Published:
    """Returns ImageNet, whose folders `train` and `validation` `manual_dir` holds."""
    return Published(
        spec, describe_overrides("imagenet2012", spec, **USUAL), folder.open_builder
    )
