"""What a setting of `conf/setting/` says, apart from what it is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from research.claims.tuning import drop_rate
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

    Where the learning rate is tuned, how that is done stands in its place.

    Args:
      config: the setting as composed by itself, nested or flat.
    """
    flat = identity.flatten(config)
    science = identity.science(drop_rate(flat))
    return {
        "training": {k: v for k, v in science.items() if k != "seed"},
        "tuning": {k: v for k, v in flat.items() if k.startswith("tuning.")},
        "evaluators": identity.evaluator_digests(flat),
        "seeds": flat.get("seeds"),
    }
