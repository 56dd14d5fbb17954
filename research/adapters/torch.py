"""PyTorch modules: `predict=torch:module:factory`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from research.adapters.engine.adapted import Adapted
from research.adapters.engine.channels_first import FAULTS, ChannelsFirst, find_device
from research.adapters.engine.description import Description
from research.adapters.engine.extras import require
from research.adapters.engine.weights import load_weights
from research.adapters.function import find_object
from research.errors import UserError


def load(
    address: str,
    *,
    device: str | None = None,
    arguments: Mapping[str, Any] | None = None,
    weights: str | None = None,
) -> Adapted:
    """Returns the module that a factory makes, or a module as it stands.

    It gets images (batch, channels, height, width) in [0, 1]: it says nothing of its
    mean and standard deviation, which are `adapter.preprocess.mean` and `.std`.

    Args:
      address: `module:factory`, a function or class that returns an `nn.Module`.
      device: see `research.adapters.engine.options.Options`.
      arguments: likewise.
      weights: likewise; None: those that the factory sets.

    Raises:
      UserError: there is no such factory, it makes no module, or the weights do not
        fit.
    """
    torch = require("torch", "torch")
    predict = f"predict=torch:{address}"
    place = find_device("torch", device)
    found = find_object(address, predict)
    network = found
    if not isinstance(found, torch.nn.Module) and callable(found):
        network = make(found, predict, arguments or {})
    elif arguments:
        raise UserError(f"adapter.arguments: {predict} is made already, and takes none")
    if not isinstance(network, torch.nn.Module):
        raise UserError(
            f"{predict}: gives a {type(network).__name__}; takes a function or class "
            "that returns a torch.nn.Module (a function from images to logits is "
            f"predict={address})"
        )
    if weights is not None:
        load_weights(network, weights, "torch")
    return Adapted(
        ChannelsFirst.of(network, place), Description(device=place), faults=FAULTS
    )


def make(factory: Any, predict: str, arguments: Mapping[str, Any]) -> Any:
    """Returns what a factory makes.

    Raises:
      UserError: it takes other arguments.
    """
    try:
        inspect.signature(factory).bind(**arguments)
    except ValueError:  # nothing is known of it
        pass
    except TypeError as error:
        raise UserError(
            f"{predict}: {error}; give them by 'adapter.arguments={{NAME: VALUE}}'"
        ) from None
    return factory(**arguments)
