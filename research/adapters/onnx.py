"""ONNX files, run by onnxruntime: `predict=onnx:FILE`.

Of its metadata `mean` and `std` of the pixels in [0, 1], `interpolation`, `crop`,
`answers` and `class_names` (JSON) are read; and of ONNX's own
`Image.NominalPixelRange` and `Image.BitmapPixelFormat`.

References:
  ONNX, Metadata properties, https://github.com/onnx/onnx/blob/main/docs/MetadataProps.md
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

from research.adapters.engine.adapted import Adapted
from research.adapters.engine.description import Description
from research.adapters.engine.extras import require
from research.adapters.engine.options import Answers, Interpolation
from research.adapters.engine.session import Session
from research.adapters.engine.suggest import suggest
from research.errors import UserError

RANGES = {  # what a network wants of the pixels in [0, 1] → (mean, std)
    "NominalRange_0_255": (0.0, 1 / 255),
    "Normalized_0_1": (0.0, 1.0),
    "Normalized_1_1": (0.5, 0.5),
}


def load(address: str, *, device: str | None = None) -> Adapted:
    """Returns the network of a file, its first output of two axes being the answer.

    Args:
      address: the file.
      device: see `research.adapters.engine.options.Options`.

    Raises:
      UserError: there is no such file, it is not ONNX, or takes no single image.
    """
    runtime, path = require("onnxruntime", "onnx"), Path(address)
    if not path.is_file():
        near = suggest(path.name, sorted(p.name for p in path.parent.glob("*.onnx")))
        raise UserError(
            f"predict=onnx:{address}: no such file (in {path.parent} {near})"
        )
    providers = choose_providers(runtime, device)
    faults = list_faults(runtime)
    try:
        session = runtime.InferenceSession(path, providers=providers)
    except faults as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"predict=onnx:{address}: no ONNX file that onnxruntime can run ({reason})"
        ) from error
    call = Session.of(session, address)
    known = describe(session.get_modelmeta().custom_metadata_map, address)
    place = "cpu" if providers == ["CPUExecutionProvider"] else "cuda"
    known = replace(known, size=call.size, channels=call.channels, device=place)
    return Adapted(call, known, faults)


def choose_providers(runtime: Any, device: str | None) -> list[str]:
    """Returns what of onnxruntime computes, the best first.

    Raises:
      UserError: it has nothing for the device.
    """
    cpu, gpu = "CPUExecutionProvider", "CUDAExecutionProvider"
    there = gpu in runtime.get_available_providers()
    if device not in (None, "cpu", "cuda") or (device == "cuda" and not there):
        also = " or cuda" if there else " (onnxruntime-gpu has cuda)"
        raise UserError(f"adapter.device={device}: onnxruntime takes cpu{also}")
    return [gpu, cpu] if there and device != "cpu" else [cpu]


def list_faults(runtime: Any) -> tuple[type[Exception], ...]:
    """Returns the exceptions of onnxruntime, and what its wrapper raises of inputs."""
    state = runtime.capi.onnxruntime_pybind11_state
    names = ["Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoModel"]
    names += ["NotImplemented", "RuntimeException", "EPFail", "NoSuchFile"]
    return (ValueError, *(getattr(state, name) for name in names))


def describe(metadata: Mapping[str, str], address: str) -> Description:
    """Returns what the metadata of a file say of its images and classes.

    Raises:
      UserError: a value is none of its key.
    """
    found: dict[str, Any] = {}
    if (nominal := metadata.get("Image.NominalPixelRange")) in RANGES:
        mean, std = RANGES[str(nominal)]
        found |= {"mean": (mean,), "std": (std,)}
    for key, (field, read) in READERS.items():
        if key in metadata:
            try:
                found[field] = read(metadata[key])
            except (ValueError, TypeError):
                raise UserError(
                    f"predict=onnx:{address}: its metadata say {key}={metadata[key]}"
                ) from None
    return Description(**found)


def read_numbers(text: str) -> tuple[float, ...]:
    """Returns numbers with commas between, in brackets or not."""
    return tuple(map(float, text.strip(" []").split(",")))


def read_names(text: str) -> tuple[str, ...]:
    """Returns the names of classes, a list in JSON or an object of number → name."""
    value = json.loads(text)
    if isinstance(value, dict):
        value = [value[key] for key in sorted(value, key=int)]
    if not isinstance(value, list):
        raise TypeError(text)
    return tuple(map(str, value))


def read_word(options: Collection[str], text: str) -> str:
    """Returns one of a few words."""
    if text not in options:
        raise ValueError(text)
    return text


READERS: dict[str, tuple[str, Callable[[str], Any]]] = {  # key → field, reader
    "mean": ("mean", read_numbers),
    "std": ("std", read_numbers),
    "crop": ("crop", float),
    "interpolation": ("interpolation", partial(read_word, get_args(Interpolation))),
    "answers": ("answers", partial(read_word, get_args(Answers))),
    "class_names": ("classes", read_names),
}
