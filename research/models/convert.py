"""Weights from PyTorch: state dicts for the networks that have PyTorch twins.

The names are torchvision's. Those of the anti-aliased networks of Zhang 2019 differ by
blur buffers and by the numbers that they take up in a `Sequential`; both are normalised
away. A file is read without executing any code in it.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx

from research.errors import UserError
from research.models.network import Network
from research.models.readout import Head
from research.models.residual import Residual
from research.nn.layers import BatchNorm, Conv, ConvNormAct, Dense

State = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Flattened:
    """A dense layer on a flattened (H, W, C) map, which PyTorch flattens as C, H, W."""

    dense: Dense
    channels: int
    size: int = 7


Part = Conv | BatchNorm | Dense | Flattened


def load(parts: Mapping[str, Part], path: str | Path) -> None:
    """Sets the weights of a network's parts from a file.

    Args:
      parts: part by PyTorch name: `resnet_parts(network)` or `vgg_parts(network)`.
      path: a `.safetensors`, `.pth` or `.pt` file of a state dict, or of a checkpoint
        that holds one under `state_dict`.

    Raises:
      UserError: the file cannot be read, or does not fit the network.
    """
    try:
        assign(parts, canonicalize(read(Path(path))))
    except UserError as error:
        raise UserError(f"model.weights={path}: {error}") from None


def assign(parts: Mapping[str, Part], state: State) -> None:
    """Sets the weights of parts, one tensor for each; none may be left over.

    Raises:
      UserError: names the first tensor that is missing, unknown or of another shape.
    """
    places = {
        f"{name}.{suffix}": place
        for name, part in parts.items()
        for suffix, place in tensors(part)
    }
    missing, unknown = sorted(places.keys() - state), sorted(state.keys() - places)
    for names, verb in ((missing, "lacks"), (unknown, "has an unknown")):
        if names:
            raise UserError(
                f"{verb} {names[0]} (and {len(names) - 1} more); model.weights takes a "
                "state dict of the same architecture, norms included"
            )
    for name, (variable, arrange) in places.items():
        value = arrange(state[name]).astype(np.float32)
        if value.shape != variable.shape:
            raise UserError(
                f"{name} has shape {state[name].shape}, which does not fit "
                f"{variable.shape} here; the weights are of images of other classes or "
                "channels: choose data=… that have those, or other weights"
            )
        variable[...] = jnp.asarray(value)


def tensors(
    part: Part,
) -> Iterator[tuple[str, tuple[nnx.Variable, Callable[[np.ndarray], np.ndarray]]]]:
    """Yields (PyTorch suffix, (our variable, how the tensor is rearranged))."""
    if isinstance(part, BatchNorm):
        yield "weight", (part.scale, keep)
        yield "bias", (part.bias, keep)
        yield "running_mean", (part.mean, keep)
        yield "running_var", (part.var, keep)
        return
    if isinstance(part, Conv):
        yield "weight", (part.kernel, lambda w: w.transpose(2, 3, 1, 0))
        bias = part.bias
    elif isinstance(part, Flattened):
        shape = (-1, part.channels, part.size, part.size)
        outputs = part.dense.kernel.shape[-1]
        yield (
            "weight",
            (
                part.dense.kernel,
                lambda w: w.reshape(shape).transpose(2, 3, 1, 0).reshape(-1, outputs),
            ),
        )
        bias = part.dense.bias
    else:
        yield "weight", (part.kernel, np.transpose)
        bias = part.bias
    if bias is not None:
        yield "bias", (bias, keep)


def keep(tensor: np.ndarray) -> np.ndarray:
    """Returns a tensor as it is: a vector has the same layout in both libraries."""
    return tensor


def resnet_parts(network: Network) -> dict[str, Part]:
    """Names the parts of a `resnet` as torchvision does."""
    stem, *stages = network.stages
    parts = named_pair(stem, "conv1", "bn1")
    blocks = [stage for stage in stages if isinstance(stage, Residual)]
    layer, index = 0, 0
    for position, block in enumerate(blocks):
        # A new layer begins where the channels, and so the shortcut, change.
        if position == 0 or block.shortcut is not None:
            layer, index = layer + 1, 0
        name = f"layer{layer}.{index}"
        for number, conv in enumerate((*block.before, block.dense, block.after), 1):
            parts |= named_pair(conv, f"{name}.conv{number}", f"{name}.bn{number}")
        if block.shortcut is not None:
            place = f"{name}.downsample"
            parts |= named_pair(block.shortcut, f"{place}.0", f"{place}.1")
        index += 1
    parts["fc"] = dense_head(network).logits
    return parts


def named_pair(stage: Callable[..., Any], conv: str, norm: str) -> dict[str, Part]:
    """Names the convolution of a stage and its batch norm.

    Raises:
      UserError: one of the two is missing, so PyTorch has no equivalent stage.
    """
    if not isinstance(stage, ConvNormAct) or not isinstance(stage.norm, BatchNorm):
        raise UserError(
            f"model.weights: {conv} is a {type(stage).__name__} here, and in PyTorch "
            "a convolution with a batch norm; a resnet takes model/shortcut=project"
        )
    return {conv: stage.conv, norm: stage.norm}


def dense_head(network: Network) -> Head:
    """Returns the readout, which must end in dense layers.

    Raises:
      UserError: it is another.
    """
    if not isinstance(network.readout, Head):
        raise UserError(
            f"model.weights: the readout is {type(network.readout).__name__}, and "
            "PyTorch's networks end in a dense layer; use model/head=gap"
        )
    return network.readout


def vgg_parts(network: Network) -> dict[str, Part]:
    """Names the parts of a `vgg` as torchvision does, numbered without gaps."""
    features: list[Part] = []
    for stage in network.stages:
        if isinstance(stage, ConvNormAct):
            features.append(stage.conv)
            if isinstance(stage.norm, BatchNorm):
                features.append(stage.norm)
    head = dense_head(network)
    dense: list[Part] = [*head.hidden, head.logits]
    channels = [part for part in features if isinstance(part, Conv)][-1].kernel.shape[3]
    if head.hidden:
        dense[0] = Flattened(head.hidden[0], channels)
    return {f"features.{i}": part for i, part in enumerate(features)} | {
        f"classifier.{i}": part for i, part in enumerate(dense)
    }


def canonicalize(state: State) -> dict[str, np.ndarray]:
    """Drops all but weights, and numbers the children of each part without gaps.

    So `features.0, .1, .3` become `features.0, .1, .2`, and a convolution that follows
    a blur in a `Sequential` (`layer2.0.conv2.1`) is named like one that does not.
    """
    weights = {
        name.removeprefix("module."): tensor
        for name, tensor in state.items()
        if not name.endswith((".filt", ".num_batches_tracked"))
    }
    children: dict[str, set[int]] = {}
    for name in weights:
        for found in re.finditer(r"\.(\d+)\.", name):
            children.setdefault(name[: found.start()], set()).add(int(found[1]))

    def renumber(name: str) -> str:
        def rank(found: re.Match[str]) -> str:
            known = children[name[: found.start()]]
            return f".{sorted(known).index(int(found[1]))}."

        return re.sub(r"(conv\d)\.0\.", r"\1.", re.sub(r"\.(\d+)\.", rank, name))

    return {renumber(name): tensor for name, tensor in weights.items()}


def read(path: Path) -> dict[str, np.ndarray]:
    """Returns the tensors of a file by name.

    Raises:
      UserError: no such file, an unknown format, a damaged file, or one with anything
        in it but tensors; or the package that reads it is not installed.
    """
    readers = {
        ".safetensors": _read_safetensors,
        ".pth": _read_torch,
        ".pt": _read_torch,
    }
    if path.suffix not in readers:
        raise UserError(f"not one of {', '.join(readers)}")
    if not path.is_file():
        raise UserError("no such file")
    try:
        return readers[path.suffix](path)
    except ImportError as error:
        raise UserError(
            f"reading this format needs {error.name}: make install EXTRAS=peers"
        ) from None


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise UserError(f"not a readable safetensors file ({error})") from None


def _read_torch(path: Path) -> dict[str, np.ndarray]:
    import torch

    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"not a readable state dict of tensors ({reason})") from None
    found = found.get("state_dict", found)
    return {name: tensor.float().numpy() for name, tensor in found.items()}
