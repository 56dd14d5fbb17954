"""ImageNet (ILSVRC 2012) from class folders of its JPEGs; see `builders.folder`.

1.28 million training images and 50,000 for validation, in 1,000 classes:
https://www.image-net.org.
"""

from __future__ import annotations

from research.data.builders import folder
from research.data.origin import Spec
from research.data.published import Published


def from_files(spec: Spec) -> Published:
    """Returns ImageNet, whose folders `train` and `validation` `manual_dir` holds."""
    return Published(spec, "data=imagenet2012", folder.open_builder)
