"""What each network was made of before its config named the part.

A run of then and one that names the same part now have the same weights, so they are
the same run (`research.runs.identity`). Where another part is named, that counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Part = dict[str, Any]  # below its key: "" is its name, ".epsilon" a parameter

RELU: Part = {"": "relu"}
NO_NORM: Part = {"": None}
BATCH_NORM: Part = {"": "BatchNorm"}
# Network, as `science` names it → its parts by key. A `vgg` has always named its norm.
OWN: dict[str, dict[str, Part]] = {
    "chollet": {"model.activation": RELU, "model.norm": NO_NORM},
    "local": {"model.activation": RELU, "model.norm": NO_NORM},
    "allconv": {"model.activation": RELU, "model.norm": NO_NORM},
    "capsnet": {"model.activation": RELU, "model.norm": NO_NORM},
    "vgg": {"model.activation": RELU},
    "resnet": {"model.activation": RELU, "model.norm": BATCH_NORM},
    "vit": {"model.activation": {"": "gelu_tanh"}, "model.norm": {"": "LayerNorm"}},
    "airbench": {
        "model.activation": {"": "gelu"},
        "model.norm": {
            **BATCH_NORM,
            ".scaled": False,
            ".momentum": 0.6,
            ".epsilon": 1e-12,
            ".unbiased": True,
        },
    },
}


def add_own_parts(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values with the parts of the network that no key names.

    Args:
      values: of a config by dotted key, objects by name.
    """
    parts = OWN.get(str(values.get("model")), {})
    added = {
        key + end: value
        for key, part in parts.items()
        if not keys_of(key, values)
        for end, value in part.items()
    }
    return dict(values) | added


def leave_out_own_parts(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values without those parts that the network had of its own.

    Args:
      values: as for `add_own_parts`.
    """
    kept = dict(values)
    for key, part in OWN.get(str(values.get("model")), {}).items():
        found = keys_of(key, kept)
        if {k.removeprefix(key): kept[k] for k in found} == part:
            kept = {k: v for k, v in kept.items() if k not in found}
    return kept


def keys_of(part: str, values: Mapping[str, Any]) -> set[str]:
    """Returns the keys of a part: its own, and those below it."""
    return {key for key in values if key == part or key.startswith(f"{part}.")}
