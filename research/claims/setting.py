"""What a setting of `conf/setting/` says, apart from what it is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from research.runs import identity

# `compose(*overrides)` → a config, nested or flat: `research.config.compose_flat`.
Compose = Callable[..., Mapping[str, Any]]


def describe_settings(
    names: Sequence[str], scale: str, compose: Compose
) -> dict[str, dict[str, Any]]:
    """Returns name → what that setting registers at a scale."""
    return {
        name: describe_setting(compose(f"setting={scale}/{name}")) for name in names
    }


def describe_setting(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what a setting registers: data, training, evaluators, number of seeds.

    Args:
      config: the setting as composed by itself, nested or flat.
    """
    flat = identity.flatten(config)
    return {
        "training": {k: v for k, v in identity.science(flat).items() if k != "seed"},
        "evaluators": identity.evaluator_digests(flat),
        "seeds": flat.get("seeds"),
    }
