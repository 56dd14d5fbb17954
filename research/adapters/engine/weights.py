"""Weights of PyTorch networks, read without executing anything in their file."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from research.adapters.engine.extras import require
from research.errors import UserError

KEY = "adapter.weights"
TENSORS = ".safetensors"
PICKLED = (".pth", ".pt", ".ckpt", ".bin")


def load_weights(network: Any, path: str, kind: str) -> None:
    """Sets all weights of a PyTorch network from a file.

    Args:
      network: an `nn.Module`.
      path: a `.safetensors` file, or a state dict of tensors that `torch.save` wrote,
        or a checkpoint that holds one under `state_dict` or `model`.
      kind: of the model, for errors.

    Raises:
      UserError: the file cannot be read, holds more than tensors, or does not fit.
    """
    state = read_state(Path(path), kind)
    try:
        missing, unknown = network.load_state_dict(state, strict=False)
    except RuntimeError as error:  # of another shape
        reason = str(error).splitlines()[-1].strip()
        raise UserError(f"{KEY}={path}: does not fit the network: {reason}") from None
    for names, verb in ((missing, "lacks"), (unknown, "has an unknown")):
        if names:
            raise UserError(
                f"{KEY}={path}: {verb} {names[0]} (and {len(names) - 1} more); takes "
                "all weights of the network and no others"
            )


def read_state(path: Path, kind: str) -> Mapping[str, Any]:
    """Returns the tensors of a file by name; see `load_weights`."""
    torch = require("torch", kind)
    if not path.is_file():
        raise UserError(f"{KEY}={path}: no such file")
    if path.suffix == TENSORS:
        loader = require("safetensors.torch", kind)
        try:
            return loader.load_file(path)
        except require("safetensors", kind).SafetensorError as error:
            raise UserError(f"{KEY}={path}: no safetensors file ({error})") from None
    if path.suffix not in PICKLED:
        raise UserError(f"{KEY}={path}: takes {', '.join((TENSORS, *PICKLED))}")
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"{KEY}={path}: no state dict of tensors alone ({reason})"
        ) from None
    for key in ("state_dict", "model"):
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    tensors = isinstance(found, Mapping) and all(map(torch.is_tensor, found.values()))
    if not tensors:
        raise UserError(f"{KEY}={path}: holds a {type(found).__name__}, no state dict")
    return {name.removeprefix("module."): value for name, value in found.items()}
