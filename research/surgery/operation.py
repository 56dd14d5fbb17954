"""Loading a model with its operators replaced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from research.adapters.engine.adapted import Adapted
from research.adapters.engine.channels_first import ChannelsFirst
from research.errors import UserError
from research.surgery.replacement import Replacement


def operate(model: Adapted, replacement: Replacement) -> Adapted:
    """Returns a PyTorch model whose operators are replaced.

    Args:
      model: loaded, not yet called.
      replacement: says which operators, and by what.

    Raises:
      UserError: it is no model of PyTorch.
    """
    run = model.run
    if not isinstance(run, ChannelsFirst):
        raise UserError(
            f"replace: swaps operators of PyTorch networks, predict=torch:…, timm:… or "
            f"hf:…, and predict={model.path} is none; leave replace out"
        )
    # PyTorch is an extra, and here by now.
    from research.surgery.swapping import Swapped

    swapped = Swapped(run.network, replacement)
    return replace(model, run=replace(run, network=swapped))


def count_replaced(model: Adapted, replacement: Replacement) -> Mapping[str, int]:
    """Returns how many operators of each kind the last call of a model replaced.

    Args:
      model: as `operate` returns it, called since.
      replacement: of it.

    Raises:
      UserError: there was nothing to replace.
    """
    network = getattr(model.run, "network", None)
    found = dict(getattr(network, "found", {}))
    if not found:
        raise UserError(
            f"replace.which={replacement.which}: predict={model.path} has no such "
            "max pooling or strided convolution, of a stride up to "
            f"replace.max_stride={replacement.max_stride} and over a larger map than "
            "that (attention and average pooling stay): leave replace out"
        )
    return found
