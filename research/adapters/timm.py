"""Networks of PyTorch Image Models: `predict=timm:NAME`.

References:
  R. Wightman, PyTorch Image Models, 2019, doi:10.5281/zenodo.4414861.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from research.adapters.engine.adapted import Adapted
from research.adapters.engine.channels_first import FAULTS, ChannelsFirst, find_device
from research.adapters.engine.description import Description
from research.adapters.engine.extras import require
from research.adapters.engine.hub import fetching
from research.adapters.engine.labels import imagenet_classes
from research.adapters.engine.suggest import suggest
from research.adapters.engine.weights import load_weights
from research.errors import UserError


def load(
    address: str,
    *,
    device: str | None = None,
    arguments: Mapping[str, Any] | None = None,
    weights: str | None = None,
) -> Adapted:
    """Returns a network with its published weights, or with those of a file.

    Of the 1,000 logits of ImageNet the names are known. `num_classes: 0` among the
    arguments makes it give embeddings.

    Args:
      address: timm's name, with the tag of its weights if there are several.
      device: see `research.adapters.engine.options.Options`.
      arguments: of `timm.create_model`; `pretrained: false` leaves random weights.
      weights: see `research.adapters.engine.options.Options`.

    Raises:
      UserError: there is no such network, it takes other arguments, or its weights are
        not here and cannot be downloaded.
    """
    timm, place = require("timm", "timm"), find_device("timm", device)
    if not timm.is_model(address) and ":" not in address:
        near = suggest(address, [*timm.list_models(), *timm.list_pretrained()])
        raise UserError(f"predict=timm:{address}: timm has no such model ({near})")
    given = {"pretrained": weights is None, **(arguments or {})}
    remedy = "adapter.weights=FILE, or 'adapter.arguments={pretrained: false}'"
    try:
        with fetching(f"predict=timm:{address}", remedy):
            network = timm.create_model(address, **given)
    except (RuntimeError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"predict=timm:{address}: {reason}") from error
    if weights is not None:
        load_weights(network, weights, "timm")
    return Adapted(
        ChannelsFirst.of(network, place),
        describe(timm, network, given.get("img_size"), place),
        FAULTS,
    )


def describe(timm: Any, network: Any, size: Any, device: str) -> Description:
    """Returns what a network's own configuration says of it.

    Args:
      timm: the package.
      network: of it.
      size: `img_size` that it was made for, a side or both; None: its own.
      device: where it runs.
    """
    known = timm.data.resolve_data_config({}, model=network)
    channels, *own = known["input_size"]
    height, width = own if size is None else np.broadcast_to(size, 2).tolist()
    outputs = int(getattr(network, "num_classes", 0))
    names = imagenet_classes()
    return Description(
        size=(height, width),
        channels=channels,
        mean=tuple(map(float, known["mean"])),
        std=tuple(map(float, known["std"])),
        interpolation=known["interpolation"],
        crop=float(known["crop_pct"]),
        answers="logits" if outputs else "embeddings",
        outputs=outputs or None,
        classes=names if outputs == len(names) else None,
        device=device,
    )
